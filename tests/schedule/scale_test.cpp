// Deep graphs: nothing recurses over depth, nothing is quadratic in it.
#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>
#include <ctime>

#include "compiler/ir/parse.h"
#include "compiler/ops/build.h"
#include "compiler/transforms/passes.h"
#include "tests/schedule/compare.h"
#include "tests/support/workloads.h"

namespace gradus::schedule {
namespace {

double seconds_of(const auto& f) {
  const std::clock_t begin = std::clock();  // of this process: other load does not count
  f();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

TEST_CASE("a chain of 100,000 nodes") {
  ir::Builder b;
  const ir::Value y = b.parameter({DType::F32, {1000}});
  ir::Value x = y;
  for (int i = 0; i < 50'000; ++i)
    x = ops::mul(b, ops::sin(b, x), y);
  const ir::Graph graph = b.finish(std::array{x});
  Schedule s = translate(graph);
  CHECK(s.nodes.size() == 100'001);
  place(s);
  CHECK(s.barriers == 0);
}

TEST_CASE("time per node does not grow with depth", "[slow]") {
  double first = 0;
  for (int depth : {10, 30, 100, 300}) {
    testing::MlpSizes sizes{.layers = {784}, .batch = 128};
    sizes.layers.resize(depth + 1, 256);
    sizes.layers.push_back(10);
    const ir::Graph graph = testing::lowered(testing::mlp_step(sizes));
    Schedule s;
    const double translating = seconds_of([&] { s = translate(graph); });
    const double placing = seconds_of([&] { place(s); });
    const double each = (translating + placing) / static_cast<double>(s.nodes.size()) * 1e6;
    CHECK(s.barriers == 1);
    fmt::print(
        "{:>3} layers: {:>5} nodes, {:>7.2f} ms translate, {:>7.2f} ms place, {:.1f} us a node\n",
        depth, s.nodes.size(), translating * 1e3, placing * 1e3, each);
    if (first == 0) first = each;
    CHECK(each < 8 * first);
  }
}

TEST_CASE("time of placing S3's step", "[slow]") {
  const ir::Graph graph = testing::s3_step(128);
  double translating = 1e9, placing = 1e9;
  for (int i = 0; i < 50; ++i) {
    Schedule s;
    translating = std::min(translating, seconds_of([&] { s = translate(graph); }));
    placing = std::min(placing, seconds_of([&] { place(s); }));
  }
  fmt::print("S3: translate {:.0f} us, place {:.0f} us\n", translating * 1e6, placing * 1e6);
  CHECK(translating + placing < 0.02);
}

}  // namespace
}  // namespace gradus::schedule
