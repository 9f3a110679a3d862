#include "frontend/io/metadata.h"

#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace gradus::io {
namespace {

template <class T>
T parsed(const std::string& name, const std::string& text, const char* expected, SourcePos where) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw DataError(
        {"metadata",
         fmt::format("'{}' is no number; got \"{}\", expected {}", name, text, expected), where,
         "read it as text"});
  }
  return value;
}

}  // namespace

Metadata::Value::Value(double x) : text_(fmt::format("{}", x)) {}

const std::string& Metadata::text(const std::string& name, SourcePos where) const {
  const auto entry = entries_.find(name);
  if (entry != entries_.end()) return entry->second;
  std::string names;
  for (const auto& [other, text] : entries_)
    names += (names.empty() ? "" : ", ") + other;
  throw DataError({"metadata",
                   fmt::format("there is no '{}'; got {}", name, names.empty() ? "nothing" : names),
                   where, "check what the file was saved with"});
}

int64_t Metadata::integer(const std::string& name, SourcePos where) const {
  return parsed<int64_t>(name, text(name, where), "an integer", where);
}

double Metadata::number(const std::string& name, SourcePos where) const {
  return parsed<double>(name, text(name, where), "a number", where);
}

}  // namespace gradus::io
