#include "runtime/cpu/program.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/cpu/thread_pool.h"
#include "runtime/error.h"
#include "runtime/options.h"
#include "runtime/profile.h"

namespace gradus {
namespace {

/// Below this, waking the others costs more than they help.
constexpr double kAloneMicroseconds = 20;
constexpr size_t kMostPlaces = 96, kMostArgs = 256;

}  // namespace

int64_t evaluate(const ArgRule& rule, int64_t begin, int64_t end) {
  const int64_t n = (end - begin) * rule.scale;
  switch (rule.kind) {
    case ArgRule::Kind::Constant:
      return rule.a;
    case ArgRule::Kind::Begin:
      return begin * rule.a + rule.b;
    case ArgRule::Kind::End:
      return end * rule.a + rule.b;
    case ArgRule::Kind::Count:
      return n / rule.a * rule.b;
    case ArgRule::Kind::Remainder:
      return n % rule.a;
    case ArgRule::Kind::HasRest:
      return n % rule.a != 0;
    case ArgRule::Kind::RestBlocks:
      return (n % rule.a + rule.b - 1) / rule.b;
  }
  __builtin_unreachable();
}

/// Memory of one running call.
struct CpuProgram::Lease {
  BufferPtr shared;
  std::vector<BufferPtr> own;  // per thread
};

CpuProgram::CpuProgram(std::vector<Type> inputs, std::vector<Type> outputs, Table table)
    : Executable(std::move(inputs), std::move(outputs)), table_(std::move(table)) {
  for (const Phase& phase : table_.phases) {
    for (const Step& step : phase.steps) {
      for (const Call& call : step.calls) {
        GRADUS_CHECK(call.places.size() <= kMostPlaces && call.args.size() <= kMostArgs,
                     call.label);
        GRADUS_CHECK(call.function != nullptr, call.label);
      }
    }
  }
}

CpuProgram::~CpuProgram() = default;

namespace {

struct Walk {
  const std::byte* const* bases;
  bool first;

  void call(const Call& c, int64_t begin, int64_t end) const {
    std::array<void*, kMostPlaces> places;
    std::array<int64_t, kMostArgs> args;
    const auto& uses = first || c.replicas.empty() ? c.places : c.replicas;
    for (size_t i = 0; i < uses.size(); ++i) {
      const Place& p = uses[i];
      const int64_t moved = p.step == 0 ? 0 : begin / p.divisor * p.step;
      places[i] = const_cast<std::byte*>(bases[p.base]) + p.offset + moved;
    }
    for (size_t i = 0; i < c.args.size(); ++i)
      args[i] = evaluate(c.args[i], begin, end);
    const ScopedTimer timer("kernel", c.label);
    c.function(places.data(), args.data());
  }
};

}  // namespace

void CpuProgram::run(std::span<BufferPtr> inputs, std::span<BufferPtr> outputs) const {
  const size_t n_in = inputs.size(), n_out = outputs.size();
  const int wanted = table_.microseconds < kAloneMicroseconds ? 1 : ThreadPool::default_threads();

  std::unique_ptr<Lease> lease;
  if (table_.arena_bytes + table_.thread_arena_bytes > 0) {
    std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      lease = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!lease) {
    lease = std::make_unique<Lease>();
    if (table_.arena_bytes) lease->shared = Buffer::allocate(table_.arena_bytes);
  }
  if (table_.thread_arena_bytes) {
    while (lease->own.size() < static_cast<size_t>(wanted)) {
      lease->own.push_back(Buffer::allocate(table_.thread_arena_bytes));
      if (table_.has_halos) std::memset(lease->own.back()->data(), 0, table_.thread_arena_bytes);
    }
  }

  std::vector<const std::byte*> bases(n_in + n_out + table_.constants.size() + 2);
  for (size_t i = 0; i < n_in; ++i)
    bases[i] = inputs[i]->as<std::byte>();
  for (size_t o = 0; o < n_out; ++o) {
    const int i = table_.takes[o];
    if (i >= 0 && is_donatable(inputs[i])) {
      outputs[o] = std::move(inputs[i]);
    } else {
      outputs[o] = Buffer::allocate(output_types()[o].bytes());
    }
    bases[n_in + o] = outputs[o]->as<std::byte>();
  }
  const size_t first_constant = n_in + n_out;
  for (size_t c = 0; c < table_.constants.size(); ++c) {
    bases[first_constant + c] = table_.constants[c]->as<std::byte>();
  }
  const size_t arena = first_constant + table_.constants.size();
  bases[arena] = lease->shared ? lease->shared->as<std::byte>() : nullptr;

  const auto walk = [&](const Team& team) {
    std::vector<const std::byte*> own(bases);
    if (table_.thread_arena_bytes) own[arena + 1] = lease->own[team.thread()]->as<std::byte>();
    const Walk walk{own.data(), team.thread() == 0};
    int turn = 0;
    for (size_t p = 0; p < table_.phases.size(); ++p) {
      if (p > 0) team.barrier();
      for (const Step& step : table_.phases[p].steps) {
        if (step.kind == Step::Kind::One && turn++ % team.threads() != team.thread()) continue;
        int64_t begin = 0, end = step.extent;
        if (step.kind == Step::Kind::Shared) {
          const int64_t granules = (step.extent + step.granule - 1) / step.granule;
          const Share share = share_of(granules, team.thread(), team.threads());
          begin = share.begin * step.granule;
          end = share.end * step.granule;
          end = std::min(end, step.extent);
        }
        for (int64_t at = begin; at < end; at += step.chunk) {
          const int64_t to = std::min(end, at + step.chunk);
          for (const Call& c : step.calls)
            walk.call(c, at, to);
        }
      }
    }
  };
  if (wanted == 1) {
    walk(Team(0, 1, nullptr));
  } else {
    ThreadPool::instance().run(wanted, walk);
  }

  if (table_.arena_bytes + table_.thread_arena_bytes > 0) {
    std::scoped_lock lock(mutex_);
    free_.push_back(std::move(lease));
  }
}

}  // namespace gradus
