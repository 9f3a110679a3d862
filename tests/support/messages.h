// What errors say, for tests that compare their text.
#pragma once

#include <string>

#include "runtime/error.h"

namespace gradus::test {

/// The whole text of the error that `f` throws.
template <class E = Error, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another exception: ") + e.what();
  }
  return "no error";
}

/// What happened, without op, place and remedy.
template <class E = Error, class F>
std::string what_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.message().what;
  } catch (const std::exception& e) {
    return std::string("another exception: ") + e.what();
  }
  return "no error";
}

/// "file:line" of the line where it is written, shifted by `offset` lines.
inline std::string here(int offset = 0, const char* file = __builtin_FILE(),
                        int line = __builtin_LINE()) {
  return std::string(file) + ":" + std::to_string(line + offset);
}

}  // namespace gradus::test
