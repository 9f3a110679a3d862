// Facts beside the tensors of a file: text by name, as safetensors keeps it.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <gradus/runtime/error.h>

namespace gradus::io {

/// `{{"epoch", 3}, {"accuracy", 0.9912}, {"model", "convnet"}}`. Numbers become the shortest text
/// that reads back as the same bits.
class Metadata {
 public:
  class Value {
   public:
    Value(std::string text) : text_(std::move(text)) {}
    Value(std::string_view text) : text_(text) {}
    Value(const char* text) : text_(text) {}
    template <std::integral T>
    Value(T x) : text_(std::same_as<T, bool> ? (x ? "true" : "false") : std::to_string(x)) {}
    Value(double x);
    Value(float x) : Value(static_cast<double>(x)) {}
    const std::string& text() const { return text_; }

   private:
    std::string text_;
  };

  Metadata() = default;
  Metadata(std::initializer_list<std::pair<std::string, Value>> entries) {
    for (const auto& [name, value] : entries)
      set(name, value);
  }
  explicit Metadata(std::map<std::string, std::string> entries) : entries_(std::move(entries)) {}

  void set(const std::string& name, const Value& value) { entries_[name] = value.text(); }
  bool has(const std::string& name) const { return entries_.count(name) > 0; }
  bool empty() const { return entries_.empty(); }

  /// DataError if there is no such entry, or it is no such number.
  const std::string& text(const std::string& name, SourcePos where = SourcePos::here()) const;
  int64_t integer(const std::string& name, SourcePos where = SourcePos::here()) const;
  double number(const std::string& name, SourcePos where = SourcePos::here()) const;

  const std::map<std::string, std::string>& entries() const { return entries_; }
  friend bool operator==(const Metadata&, const Metadata&) = default;

 private:
  std::map<std::string, std::string> entries_;
};

}  // namespace gradus::io
