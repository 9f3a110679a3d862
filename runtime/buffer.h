// Reference-counted device memory. A Buffer does not know its type; a Type beside it does.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace gradus {

/// Aligned memory of one array. Host memory: the CPU is the only device.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  /// Uninitialised memory, aligned to kAlignment and padded to a multiple of it.
  /// Throws MemoryError when there is none.
  static std::shared_ptr<Buffer> allocate(size_t bytes);
  /// Memory owned by somebody else; `release` runs when the last reference is gone. Never donated.
  static std::shared_ptr<Buffer> borrow(void* data, size_t bytes, std::function<void()> release);

  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() { return data_; }
  const void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool is_borrowed() const { return borrowed_; }

  template <class T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  Buffer(void* data, size_t bytes, bool borrowed) : data_(data), bytes_(bytes), borrowed_(borrowed) {}
  void* data_;
  size_t bytes_;
  bool borrowed_;
  std::function<void()> release_;
};

using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace gradus
