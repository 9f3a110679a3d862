// Reference-counted device memory. A Buffer does not know its type; a Type beside it does.
//
// Invariants: data() is aligned to kAlignment and readable up to bytes() rounded up to kAlignment.
// A buffer is freed when its last BufferPtr goes, on any thread. Freed memory is kept for the next
// allocation of its size class, within a bound (see buffer_statistics), so that a compiled step
// which allocates its outputs anew in every call neither enters the system nor faults pages in.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace gradus {

class BufferPtr;

/// Aligned memory of one array. Host memory: the CPU is the only device.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  /// Uninitialised memory, aligned to kAlignment and padded to a multiple of it.
  /// Throws MemoryError when there is none, or more than the option memory_limit is asked for.
  static BufferPtr allocate(size_t bytes);
  /// Memory owned by somebody else; `release` runs when the last reference is gone. Never donated.
  static BufferPtr borrow(void* data, size_t bytes, std::function<void()> release);

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() { return data_; }
  const void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool is_borrowed() const { return release_ != nullptr; }

  template <class T>
  T* as() {
    return static_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  friend class BufferPtr;
  friend class BufferPool;
  Buffer() = default;
  ~Buffer() = default;

  // The last reference is gone.
  static void dispose(Buffer* buffer) noexcept;

  std::atomic<uint32_t> references_{1};
  uint32_t size_class_ = 0;  // of the block that holds this header and the data behind it
  void* data_ = nullptr;
  size_t bytes_ = 0;
  std::function<void()>* release_ = nullptr;  // of borrowed memory, else null
  Buffer* next_free_ = nullptr;
};

/// Shared ownership of a Buffer: std::shared_ptr's interface in one word, with no second
/// allocation. Distinct BufferPtrs to one buffer may be used by several threads.
class BufferPtr {
 public:
  BufferPtr() = default;
  BufferPtr(std::nullptr_t) {}
  BufferPtr(const BufferPtr& other) noexcept : buffer_(other.buffer_) { add_reference(); }
  BufferPtr(BufferPtr&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferPtr& operator=(const BufferPtr& other) noexcept {
    BufferPtr(other).swap(*this);
    return *this;
  }
  BufferPtr& operator=(BufferPtr&& other) noexcept {
    BufferPtr(std::move(other)).swap(*this);
    return *this;
  }
  ~BufferPtr() { drop_reference(); }

  void reset() noexcept { BufferPtr().swap(*this); }
  void swap(BufferPtr& other) noexcept { std::swap(buffer_, other.buffer_); }

  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  Buffer& operator*() const { return *buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }
  friend bool operator==(const BufferPtr&, const BufferPtr&) = default;

  /// References to the buffer, 0 for an empty pointer. Exact only when no other thread copies.
  uint32_t use_count() const {
    return buffer_ == nullptr ? 0 : buffer_->references_.load(std::memory_order_acquire);
  }

 private:
  friend class Buffer;
  explicit BufferPtr(Buffer* owned) : buffer_(owned) {}

  void add_reference() noexcept {
    if (buffer_ != nullptr) buffer_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void drop_reference() noexcept {
    if (buffer_ == nullptr) return;
    // A sole owner cannot be raced, so it needs no read-modify-write.
    if (buffer_->references_.load(std::memory_order_acquire) == 1 ||
        buffer_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      Buffer::dispose(buffer_);
    }
  }

  Buffer* buffer_ = nullptr;
};

/// Whether `buffer` is the only reference: whoever holds it may overwrite the data.
inline bool is_unique(const BufferPtr& buffer) {
  return buffer.use_count() == 1;
}

/// Whether the data may be overwritten by a program that consumes `buffer`.
inline bool is_donatable(const BufferPtr& buffer) {
  return is_unique(buffer) && !buffer->is_borrowed();
}

/// Memory of all allocated (not borrowed) buffers, at one moment.
struct BufferStatistics {
  size_t live_buffers = 0;
  size_t live_bytes = 0;            // in buffers that somebody holds, each rounded up to kAlignment
  size_t peak_bytes = 0;            // largest live_bytes since the start or reset_peak_bytes()
  size_t cached_bytes = 0;          // kept for later allocations, at most 1 GiB
  uint64_t allocations = 0;         // since the start
  uint64_t system_allocations = 0;  // of these, not served from kept memory
};
BufferStatistics buffer_statistics();

/// Starts the peak anew from the bytes that are live now.
void reset_peak_bytes();

/// Gives all kept memory back to the system.
void release_cached_buffers();

}  // namespace gradus
