// Links relocatable objects into this process. The session outlives static destruction: functions
// stay callable until the process ends or their Code is destroyed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// A leaf kernel: pointers to its buffers and its run-time extents, strides and counts.
using LeafFunction = void (*)(void* const* buffers, const int64_t* args);

/// One linked object; unloads it when destroyed.
class LinkedCode {
 public:
  ~LinkedCode();
  LeafFunction function(std::string_view name) const;

 private:
  friend std::shared_ptr<const LinkedCode> link_object(std::string_view object);
  struct State;
  LinkedCode();
  std::unique_ptr<State> state_;
};

/// Thread-safe. Symbols that the object needs are looked up in this process (libm, memcpy).
std::shared_ptr<const LinkedCode> link_object(std::string_view object);

/// "19.1.7": of the LLVM that makes and links the code.
std::string llvm_version_text();

}  // namespace gradus
