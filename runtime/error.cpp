#include "runtime/error.h"

#include <fmt/format.h>

namespace gradus {
namespace {

std::string text_of(const Message& m) {
  std::string text = fmt::format("[{}] {}", m.op, m.what);
  if (m.where) text += fmt::format("; {}:{}", m.where.file, m.where.line);
  if (m.where.column) text += fmt::format(":{}", m.where.column);
  if (!m.remedy.empty()) text += "; " + m.remedy;
  return text;
}

}  // namespace

Error::Error(Message message)
    : std::runtime_error(text_of(message)), message_(std::move(message)) {}

void internal_error(const char* file, int line, const char* condition, const std::string& detail) {
  throw InternalError(fmt::format("internal error (a bug in Gradus): {} at {}:{}{}{}", condition,
                                  file, line, detail.empty() ? "" : ": ", detail));
}

}  // namespace gradus
