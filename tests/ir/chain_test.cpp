// Nothing recurses over graph depth, and time is linear in the nodes.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>

#include "compiler/ir/dot.h"
#include "compiler/ir/parse.h"
#include "compiler/ir/print.h"
#include "compiler/ir/verify.h"
#include "compiler/ops/op.h"

namespace gradus::ir {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlowdown = 10;  // of the sanitizers
#else
constexpr double kSlowdown = 1;
#endif

double milliseconds(const std::function<void()>& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

Graph chain(int nodes) {
  Builder b("chain");
  const ops::OpDef& op = ops::op_named("sin");
  Value x = b.parameter({DType::F32, {16}}, "x");
  for (int i = 1; i < nodes; ++i) {
    b.set_source({"chain.cpp", i});
    x = b.add(op, {x});
  }
  return b.finish({&x, 1});
}

TEST_CASE("a chain of 100,000 nodes prints, parses and verifies") {
  for (const int nodes : {10'000, 100'000}) {
    Graph g, back;
    std::string text;
    const double build = milliseconds([&] { g = chain(nodes); });
    const double printing = milliseconds([&] { text = print(g); });
    const double parsing = milliseconds([&] { back = parse(text); });
    const double verifying = milliseconds([&] { verify(back); });
    const double others = milliseconds([&] { to_dot(g), to_json(g); });
    std::printf(
        "%d nodes: build %.1f ms, print %.1f ms, parse %.1f ms, verify %.1f ms, "
        "dot and json %.1f ms\n",
        nodes, build, printing, parsing, verifying, others);
    CHECK(structurally_equal(g, back));
    CHECK(g.size() == static_cast<size_t>(nodes));
    // Far above what it takes (tens of milliseconds), far below anything quadratic.
    CHECK(build + printing + parsing + verifying < 5'000 * kSlowdown);
  }
}

}  // namespace
}  // namespace gradus::ir
