// Random kernels, compiled for several CPUs, against the interpreter.
#include <algorithm>
#include <array>
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

namespace {

/// One change of what the kernel does; false if there is nothing of the kind to change.
bool change(Kernel& k, size_t kind, uint64_t seed) {
  std::vector<Stmt*> statements;
  std::vector<std::vector<Stmt>*> bodies{&k.body};
  while (!bodies.empty()) {
    auto* body = bodies.back();
    bodies.pop_back();
    for (Stmt& s : *body) {
      statements.push_back(&s);
      bodies.push_back(&s.body);
    }
  }
  Stmt& s = *statements[seed % statements.size()];
  // An expression that a statement uses.
  std::vector<int> used;
  for (const Stmt* t : statements) {
    if (t->expr >= 0) used.push_back(t->expr);
  }
  const std::vector<int> cone = cone_of(k, used[seed % used.size()]);
  int number = cone[seed / 7 % cone.size()];
  for (int i : cone) {
    if (kind == 8 && k.exprs[i].predicate >= 0) number = i;
    if (kind == 9 && k.exprs[i].offset >= 0) number = i;
  }
  Expr& e = k.exprs[number];
  switch (kind) {
    case 0:
      if (e.kind == Expr::Kind::Constant) e.bits ^= 1;
      return e.kind == Expr::Kind::Constant && e.dtype != DType::F32 && e.dtype != DType::F64;
    case 1:
      if (e.index.terms.empty()) return false;
      e.index.terms.back().coefficient.factor += 1;
      return true;
    case 2:
      if (e.kind != Expr::Kind::Op || operands_of(e.op) < 2 || e.in[0] == e.in[1]) return false;
      std::swap(e.in[0], e.in[1]);
      return true;
    case 3:
      if (e.kind != Expr::Kind::Op || e.op != ScalarOp::Add) return false;
      e.op = ScalarOp::Mul;
      return true;
    case 4:
      s.merge = !s.merge;
      return s.kind == Stmt::Kind::Assign;
    case 5:
      s.bound.factor += 1;
      return s.limit.has_value();
    case 6:
      s.count.factor += 1;
      return s.kind == Stmt::Kind::For;
    case 7:
      if (s.index.terms.empty()) return false;
      s.index.terms.front().coefficient.arg = s.index.terms.front().coefficient.arg < 0 ? 0 : -1;
      return s.kind == Stmt::Kind::Store;
    case 8:
      if (e.predicate < 0) return false;
      e.predicate = e.otherwise = -1;
      return true;
    case 9:
      if (e.offset < 0) return false;
      e.offset = -1;
      return true;
    case 10:
      s.reduce = s.reduce == ReduceOp::Max ? ReduceOp::Min : ReduceOp::Max;
      return s.kind == Stmt::Kind::LaneReduce;
    default:
      k.buffers[seed % k.buffers.size()].alias_group += 1;
      return true;
  }
}

}  // namespace

TEST_CASE("every change of what a random kernel does changes its text") {
  std::array<int, 12> changed{};
  std::set<std::string> texts;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Kernel original = random_kernel(seed).kernel;
    const std::string text = to_string(original);
    CHECK(text == to_string(random_kernel(seed).kernel));
    CHECK(texts.insert(text).second);
    for (size_t kind = 0; kind < changed.size(); ++kind) {
      Kernel k = original;
      if (!change(k, kind, seed * 0x9e3779b97f4a7c15u >> 8)) continue;
      ++changed[kind];
      INFO("seed " << seed << ", kind " << kind << "\n" << text);
      CHECK(to_string(k) != text);
    }
  }
  for (size_t kind = 0; kind < changed.size(); ++kind) {
    INFO("kind " << kind);
    CHECK(changed[kind] >= 3);
  }
}
