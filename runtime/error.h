// Two kinds of failure. Error: the user can mend it; its text says what, where and how.
// InternalError: a bug of Gradus.
#pragma once

#include <stdexcept>
#include <string>

namespace gradus {

/// A line of the user's program (or of a graph text). `file` has static lifetime.
struct SourcePos {
  const char* file = nullptr;
  int line = 0;

  /// The caller's line; as the default of a parameter, the line of the call.
  static constexpr SourcePos here(const char* file = __builtin_FILE(),
                                  int line = __builtin_LINE()) {
    return {file, line};
  }
  int column = 0;  // of a graph text, from 1; 0: unknown
  explicit operator bool() const { return file != nullptr; }
  friend bool operator==(const SourcePos&, const SourcePos&) = default;
};

/// The parts of a message, printed as "[op] what; file:line; remedy".
struct Message {
  std::string op;      // "dot", "vmap", "get-mnist", …
  std::string what;    // "inner extents differ; got 784 and 512, expected equal extents"
  SourcePos where;     // the user's line, if known
  std::string remedy;  // "transpose one operand"
};

class Error : public std::runtime_error {
 public:
  explicit Error(Message message);
  const Message& message() const { return message_; }

 private:
  Message message_;
};

#define GRADUS_ERROR(name)    \
  class name : public Error { \
   public:                    \
    using Error::Error;       \
  };
GRADUS_ERROR(ShapeError)      // extents or ranks do not fit
GRADUS_ERROR(DTypeError)      // element types do not fit
GRADUS_ERROR(ValueError)      // any other argument out of its domain (axis, permutation, key, …)
GRADUS_ERROR(TraceError)      // misuse of traced values, capture, escape
GRADUS_ERROR(TransformError)  // grad of a non-scalar, a rule that cannot exist, …
GRADUS_ERROR(DonatedError)    // a tensor was read after it had been donated
GRADUS_ERROR(DeviceError)     // a device that is not there
GRADUS_ERROR(MemoryError)     // out of memory
GRADUS_ERROR(DataError)       // a file is missing, truncated or not what it should be
GRADUS_ERROR(ParseError)      // a graph text that is none
GRADUS_ERROR(NanError)        // a NaN, where the option nan_check or a training's NaN stop looks
#undef GRADUS_ERROR

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void internal_error(const char* file, int line, const char* condition,
                                 const std::string& detail = {});

/// Our own invariants; on in every build, keep them off hot paths.
#define GRADUS_CHECK(condition, ...)                                                       \
  do {                                                                                     \
    if (!(condition))                                                                      \
      ::gradus::internal_error(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
  } while (0)

}  // namespace gradus
