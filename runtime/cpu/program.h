// A program is a table: phases of steps of leaf-kernel calls that every thread walks together.
//
// There is no program-level machine code. A step runs its calls over a range of its carrier, cut
// into shares of whole granules, one per thread, and inside a share into chunks; between phases the
// threads meet at a barrier. The table does not know the number of threads, and no bit depends on it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cpu/jit_session.h"
#include "runtime/executable.h"

namespace gradus {

/// The value of a kernel's argument for the range [begin, end); n = (end - begin) * scale.
struct ArgRule {
  enum class Kind : uint8_t {
    Constant,    // a
    Begin,       // begin * a + b
    End,         // end * a + b
    Count,       // n / a * b, rounded down before the product
    Remainder,   // n % a
    HasRest,     // n % a != 0
    RestBlocks,  // n % a in blocks of b, rounded up
  } kind = Kind::Constant;
  int64_t a = 0, b = 0, scale = 1;
  friend bool operator==(const ArgRule&, const ArgRule&) = default;
};

int64_t evaluate(const ArgRule& rule, int64_t begin, int64_t end);

/// base + offset + begin / divisor * step, in bytes.
struct Place {
  /// 0 … inputs-1: inputs; then outputs; then constants; then the arena shared by all threads and
  /// each thread's own.
  int base = 0;
  int64_t offset = 0, step = 0, divisor = 1;
};

struct Call {
  LeafFunction function = nullptr;
  std::vector<Place> places;
  /// Where threads other than the first put and find values that every thread computes for itself.
  std::vector<Place> replicas;
  std::vector<ArgRule> args;
  std::string label;  // for dumps and profiles
  double flops = 0, bytes = 0;
};

struct Step {
  enum class Kind : uint8_t {
    Shared,  // the carrier is shared out
    One,     // one thread computes it all
    Every,   // every thread computes it all for itself
  } kind = Kind::Shared;
  int64_t extent = 1, granule = 1, chunk = 1;
  std::vector<Call> calls;
};

struct Phase {
  std::vector<Step> steps;
};

struct Table {
  std::vector<Phase> phases;
  size_t arena_bytes = 0, thread_arena_bytes = 0;
  /// Threads' arenas start as zeros, which no kernel overwrites where the next run needs them.
  bool has_halos = false;
  std::vector<BufferPtr> constants;
  /// output -> input whose memory it may take, or -1.
  std::vector<int> takes;
  /// Estimated time of one thread; small programs run on the caller alone.
  double microseconds = 0;
  /// Keeps the kernels' code alive.
  std::vector<std::shared_ptr<const LinkedCode>> code;
};

class CpuProgram final : public Executable {
 public:
  CpuProgram(std::vector<Type> inputs, std::vector<Type> outputs, Table table);
  ~CpuProgram() override;
  void run(std::span<BufferPtr> inputs, std::span<BufferPtr> outputs) const override;
  const Table& table() const { return table_; }

 private:
  struct Lease;
  const Table table_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Lease>> free_;  // arenas that no call is using
};

}  // namespace gradus
