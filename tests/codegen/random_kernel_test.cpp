// Random kernels, compiled for several CPUs, against the interpreter.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "compiler/loop/walk.h"
#include "tests/codegen/random_kernel.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::codegen;
using namespace gradus::codegen::testing;

namespace {

/// Compiles `count` kernels in objects of a few, runs all of them.
void check_kernels(uint64_t first_seed, int count, const CpuTarget& target) {
  constexpr int kBatch = 10;
  int failures = 0;
  for (int done = 0; done < count && failures < 3; done += kBatch) {
    std::vector<RandomKernel> batch;
    std::vector<Kernel> kernels;
    for (int i = 0; i < kBatch; ++i) {
      batch.push_back(random_kernel(first_seed + static_cast<uint64_t>(done + i)));
      kernels.push_back(batch.back().kernel);
    }
    const Compiled compiled(std::move(kernels), target);
    for (int i = 0; i < kBatch; ++i) {
      const std::string text = difference(compiled, i, batch[i].memory, batch[i].args);
      if (text.empty()) continue;
      ++failures;
      UNSCOPED_INFO("seed " << first_seed + static_cast<uint64_t>(done + i) << ", cpu "
                            << target.cpu << "\n"
                            << to_string(compiled.kernel(i)));
      FAIL_CHECK(text);
    }
  }
  CHECK(failures == 0);
}

}  // namespace

TEST_CASE("random kernels do compiled what they do interpreted") {
  check_kernels(1, 150, host_target());
}

TEST_CASE("random kernels do the same on older CPUs") {
  uint64_t seed = 1000;
  for (const CpuTarget& target : targets())
    check_kernels(seed += 1000, 20, target);
}

TEST_CASE("many random kernels do compiled what they do interpreted", "[slow]") {
  uint64_t seed = 10'000;
  for (const CpuTarget& target : targets())
    check_kernels(seed += 10'000, 500, target);
}

TEST_CASE("the random kernels have all dtypes, operations and kinds of access in them") {
  std::set<std::pair<ScalarOp, DType>> ops;
  std::set<DType> stored;
  int predicates = 0, offsets = 0, merges = 0, lane_reductions = 0, shared = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    const RandomKernel random = random_kernel(seed);
    const Kernel& k = random.kernel;
    shared += random.memory.memories.size() < k.buffers.size();
    std::vector<const std::vector<Stmt>*> bodies{&k.body};
    while (!bodies.empty()) {
      const auto* body = bodies.back();
      bodies.pop_back();
      for (const Stmt& s : *body) {
        bodies.push_back(&s.body);
        merges += s.merge;
        lane_reductions += s.kind == Stmt::Kind::LaneReduce;
        if (s.kind == Stmt::Kind::Store) stored.insert(k.buffers[s.buffer].dtype);
        if (s.expr < 0) continue;
        for (int i : cone_of(k, s.expr)) {
          const Expr& e = k.exprs[i];
          predicates += e.predicate >= 0;
          offsets += e.offset >= 0;
          if (e.kind == Expr::Kind::Op) {
            ops.emplace(e.op, k.exprs[e.in[operands_of(e.op) - 1]].dtype);
          }
        }
      }
    }
  }
  CHECK(stored.size() == 11);
  CHECK(ops.size() > 200);
  CHECK(std::min({predicates, offsets, merges, lane_reductions, shared}) > 20);
}
