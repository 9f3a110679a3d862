// The kernels written by hand, compiled for several CPUs, against the interpreter.
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "tests/codegen/harness.h"
#include "tests/loop/sample_kernels.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::codegen;
using namespace gradus::codegen::testing;

namespace {

std::vector<float> values(size_t n, uint32_t seed) {
  std::vector<float> x(n);
  for (float& e : x) {
    seed = seed * 1664525u + 1013904223u;
    e = static_cast<float>(static_cast<int>(seed >> 8) - (1 << 23)) / 1e6f;
  }
  return x;
}

}  // namespace

TEST_CASE("sample kernels do compiled what they do interpreted") {
  for (const CpuTarget& target : targets()) {
    for (int64_t lanes : {4, 8, 16}) {
      INFO("cpu " << target.cpu << ", lanes " << lanes);
      const Compiled compiled(
          {samples::product_tile(lanes), samples::normalise_rows(lanes), samples::descend(lanes),
           samples::gather_rows(lanes), samples::arg_extremum(lanes, ReduceOp::ArgMax),
           samples::arg_extremum(lanes, ReduceOp::ArgMin)},
          target);

      for (int64_t depth : {0, 1, 2, 33}) {
        const int64_t lda = depth + 1, ldc = 51;
        Memory m;
        m.add(std::vector<float>(7 * ldc + 48, 7));
        m.add(values(7 * lda + depth, 1));
        m.add(values(depth * 48, 2));
        CHECK(difference(compiled, 0, m, {depth, lda, ldc}) == "");
      }
      for (int64_t columns : {1, 15, 16, 17, 40, 64}) {
        const int64_t rows = 3, blocks = (columns + 15) / 16;
        std::vector<float> x = values(rows * columns, 3);
        Memory apart, in_place;
        apart.add(std::vector<float>(rows * columns));
        apart.add(x);
        CHECK(difference(compiled, 1, apart, {rows, columns, blocks}) == "");

        in_place.add(values(columns, 4));
        in_place.add_alias(0);
        in_place.add(values(columns, 5));
        CHECK(difference(compiled, 2, in_place, {columns, blocks}) == "");

        x[columns / 2] = x[columns - 1] = std::numeric_limits<float>::quiet_NaN();
        x[columns + columns / 2] = std::numeric_limits<float>::infinity();
        for (size_t kernel : {4, 5}) {
          Memory arg;
          arg.add(std::vector<int32_t>(rows));
          arg.add(x);
          CHECK(difference(compiled, kernel, arg, {rows, columns, blocks}) == "");
        }
      }
      const std::vector<int32_t> ids{2, -1, 0, 3, std::numeric_limits<int32_t>::min(), 1};
      Memory gather;
      gather.add(std::vector<double>(ids.size() * 16));
      std::vector<double> table(2 * 20 + 16);
      for (size_t i = 0; i < table.size(); ++i)
        table[i] = 1.0 / static_cast<double>(i);
      gather.add(table);
      gather.add(ids);
      CHECK(difference(compiled, 3, gather, {static_cast<int64_t>(ids.size()), 3, 20}) == "");
    }
  }
}
