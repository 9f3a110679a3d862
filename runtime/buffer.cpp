#include "runtime/buffer.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>

#include <fmt/format.h>

#include "runtime/error.h"
#include "runtime/options.h"

#if defined(__SANITIZE_ADDRESS__)
#define GRADUS_KEEP_FREED_MEMORY false
#else
#define GRADUS_KEEP_FREED_MEMORY true
#endif

namespace gradus {
namespace {

// A block is a header of one cache line and the data behind it. Block sizes have four classes per
// power of two, so that at most a fifth of a block is unused.
constexpr size_t kHeaderBytes = Buffer::kAlignment;
constexpr size_t kSmallestBlock = 128;
constexpr uint32_t kStepsPerDoubling = 4;
constexpr size_t kLargestKept = size_t{256} << 20;
constexpr size_t kKeptBytes = size_t{1} << 30;
// From here on a block is mapped by itself, aligned for huge pages: the first touch of a block
// costs one fault in 2 MiB instead of 512.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallestMapped = kHugePage;
constexpr size_t kLargestBlock = size_t{1} << 62;

constexpr uint32_t size_class_of(size_t block_bytes) {
  if (block_bytes <= kSmallestBlock) return 0;
  size_t last = block_bytes - 1;
  uint32_t doubling = static_cast<uint32_t>(std::bit_width(last / kSmallestBlock)) - 1;
  uint32_t step = static_cast<uint32_t>((last >> (std::bit_width(last) - 3)) & 3);
  return doubling * kStepsPerDoubling + step + 1;
}

constexpr size_t block_bytes_of(uint32_t size_class) {
  if (size_class == 0) return kSmallestBlock;
  uint32_t doubling = (size_class - 1) / kStepsPerDoubling;
  uint32_t step = (size_class - 1) % kStepsPerDoubling;
  return (kSmallestBlock << doubling) / kStepsPerDoubling * (kStepsPerDoubling + step + 1);
}

constexpr uint32_t kClasses = size_class_of(kLargestBlock) + 1;
static_assert(block_bytes_of(size_class_of(129)) == 160);
static_assert(block_bytes_of(size_class_of(160)) == 160);
static_assert(block_bytes_of(size_class_of(257)) == 320);

constexpr size_t round_up(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Held for some nanoseconds. One lock for all classes keeps the statistics exact, and a compiled
// call allocates too seldom for threads to meet here.
class SpinLock {
 public:
  void lock() {
    for (int spins = 0; locked_.exchange(true, std::memory_order_acquire); ++spins) {
      if (spins >= 64) sched_yield();
    }
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

void* system_allocate(size_t block_bytes) {
  if (block_bytes < kSmallestMapped) return std::aligned_alloc(Buffer::kAlignment, block_bytes);
  size_t mapped = round_up(block_bytes, kHugePage);
  size_t wanted = mapped + kHugePage;
  void* raw = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto begin = reinterpret_cast<uintptr_t>(raw);
  uintptr_t aligned = round_up(begin, kHugePage);
  if (aligned != begin) munmap(raw, aligned - begin);
  uintptr_t end = aligned + mapped;
  if (begin + wanted != end) munmap(reinterpret_cast<void*>(end), begin + wanted - end);
  void* block = reinterpret_cast<void*>(aligned);
  madvise(block, mapped, MADV_HUGEPAGE);
  return block;
}

void system_free(void* block, size_t block_bytes) {
  if (block_bytes < kSmallestMapped) {
    std::free(block);
  } else {
    munmap(block, round_up(block_bytes, kHugePage));
  }
}

[[noreturn]] void fail(size_t bytes, size_t live, int64_t limit) {
  throw MemoryError(
      {.op = "buffer",
       .what = fmt::format(
           "out of memory; got a request for {} bytes while {} bytes are in use{}", bytes, live,
           limit > 0 ? fmt::format(", expected at most {} in all (memory_limit)", limit) : ""),
       .remedy = "use smaller batches, or drop tensors that are no longer needed"});
}

}  // namespace

class BufferPool {
 public:
  Buffer* allocate(size_t bytes) {
    if (bytes > kLargestBlock / 2) fail(bytes, statistics().live_bytes, 0);
    size_t padded = round_up(bytes, Buffer::kAlignment);
    uint32_t size_class = size_class_of(padded + kHeaderBytes);
    Buffer* buffer = nullptr;
    {
      std::lock_guard lock(lock_);
      buffer = free_[size_class];
      if (buffer != nullptr && is_within_limit(padded)) {
        free_[size_class] = buffer->next_free_;
        cached_bytes_ -= block_bytes_of(size_class);
        count(padded);
      } else {
        buffer = nullptr;
      }
    }
    if (buffer == nullptr) buffer = allocate_from_system(bytes, padded, size_class);
    buffer->bytes_ = bytes;
    buffer->references_.store(1, std::memory_order_relaxed);
    return buffer;
  }

  void free(Buffer* buffer) noexcept {
    size_t padded = round_up(buffer->bytes_, Buffer::kAlignment);
    size_t block = block_bytes_of(buffer->size_class_);
    {
      std::lock_guard lock(lock_);
      live_bytes_ -= padded;
      --live_buffers_;
      if (GRADUS_KEEP_FREED_MEMORY && block <= kLargestKept &&
          cached_bytes_ + block <= kKeptBytes) {
        buffer->next_free_ = free_[buffer->size_class_];
        free_[buffer->size_class_] = buffer;
        cached_bytes_ += block;
        return;
      }
    }
    destroy(buffer);
  }

  void release_cached() noexcept {
    std::array<Buffer*, kClasses> taken{};
    {
      std::lock_guard lock(lock_);
      std::swap(taken, free_);
      cached_bytes_ = 0;
    }
    for (Buffer* buffer : taken) {
      while (buffer != nullptr)
        destroy(std::exchange(buffer, buffer->next_free_));
    }
  }

  BufferStatistics statistics() {
    std::lock_guard lock(lock_);
    return {live_buffers_, live_bytes_,  peak_bytes_,
            cached_bytes_, allocations_, system_allocations_};
  }

  void reset_peak() {
    std::lock_guard lock(lock_);
    peak_bytes_ = live_bytes_;
  }

 private:
  static void destroy(Buffer* buffer) noexcept {
    size_t block = block_bytes_of(buffer->size_class_);
    buffer->~Buffer();
    system_free(buffer, block);
  }

  // The limit is read under the lock on each path; options() is one load.
  bool is_within_limit(size_t padded) const {
    int64_t limit = options().memory_limit;
    return limit == 0 || live_bytes_ + padded <= static_cast<size_t>(limit);
  }

  void count(size_t padded) {
    live_bytes_ += padded;
    peak_bytes_ = std::max(peak_bytes_, live_bytes_);
    ++live_buffers_;
    ++allocations_;
  }

  Buffer* allocate_from_system(size_t bytes, size_t padded, uint32_t size_class) {
    size_t block = block_bytes_of(size_class);
    {
      std::unique_lock lock(lock_);
      if (!is_within_limit(padded)) {
        size_t live = live_bytes_;
        lock.unlock();
        fail(bytes, live, options().memory_limit);
      }
    }
    void* memory = system_allocate(block);
    if (memory == nullptr) {
      release_cached();
      memory = system_allocate(block);
    }
    if (memory == nullptr) fail(bytes, statistics().live_bytes, 0);
    auto* buffer = new (memory) Buffer;
    buffer->data_ = static_cast<char*>(memory) + kHeaderBytes;
    buffer->size_class_ = size_class;
    std::lock_guard lock(lock_);
    ++system_allocations_;
    count(padded);
    return buffer;
  }

  alignas(64) SpinLock lock_;
  size_t live_bytes_ = 0;
  size_t peak_bytes_ = 0;
  size_t live_buffers_ = 0;
  size_t cached_bytes_ = 0;
  uint64_t allocations_ = 0;
  uint64_t system_allocations_ = 0;
  std::array<Buffer*, kClasses> free_{};
};

static_assert(sizeof(Buffer) <= kHeaderBytes);

namespace {

// Never destroyed: static objects may hold tensors that outlive it otherwise.
BufferPool& pool() {
  static BufferPool& p = *new BufferPool;
  return p;
}

}  // namespace

BufferPtr Buffer::allocate(size_t bytes) {
  return BufferPtr(pool().allocate(bytes));
}

BufferPtr Buffer::borrow(void* data, size_t bytes, std::function<void()> release) {
  auto owned = std::make_unique<std::function<void()>>(std::move(release));
  auto* buffer = new Buffer;
  buffer->data_ = data;
  buffer->bytes_ = bytes;
  buffer->release_ = owned.release();
  return BufferPtr(buffer);
}

void Buffer::dispose(Buffer* buffer) noexcept {
  if (buffer->release_ == nullptr) {
    pool().free(buffer);
    return;
  }
  std::unique_ptr<std::function<void()>> release(buffer->release_);
  delete buffer;
  if (*release) (*release)();
}

BufferStatistics buffer_statistics() {
  return pool().statistics();
}

void reset_peak_bytes() {
  pool().reset_peak();
}

void release_cached_buffers() {
  pool().release_cached();
}

}  // namespace gradus
