// What LLVM is given and what it makes of it, for S3's training step on a named processor. Both
// texts differ from one major version of LLVM to the next, so they are compared for one of them.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "compiler/codegen/llvm/emit.h"
#include "compiler/ir/parse.h"
#include "tests/codegen/hot_loops.h"
#include "tests/support/golden.h"
#include "tests/support/leaf_kernels.h"

namespace gradus::codegen {
namespace {

const CpuTarget kTarget{"x86_64-unknown-linux-gnu", "znver4", "", 16, 32};
constexpr std::string_view kGoldenMajor = "19.";

/// The kernels of S3's step whose label passes, named k0, k1, ….
template <class F>
std::vector<gradus::testing::LeafKernel> kernels_of_s3(F is_wanted) {
  const std::string path = GRADUS_SOURCE_DIR "/tests/golden/graphs/s3.gr";
  auto kernels =
      gradus::testing::leaf_kernels(ir::parse_file(path), kTarget.lanes, kTarget.registers);
  std::erase_if(kernels, [&](const auto& k) { return !is_wanted(k.label); });
  for (size_t i = 0; i < kernels.size(); ++i)
    kernels[i].kernel.name = fmt::format("k{}", i);
  return kernels;
}

std::vector<const loop::Kernel*> pointers_to(
    const std::vector<gradus::testing::LeafKernel>& kernels) {
  std::vector<const loop::Kernel*> pointers;
  for (const auto& k : kernels)
    pointers.push_back(&k.kernel);
  return pointers;
}

void skip_without_target() {
  if (!host_target().triple.starts_with("x86_64")) {
    SKIP("LLVM generates code for the host only; got " << host_target().triple << ", the texts are "
                                                       << kTarget.triple);
  }
}

void skip_other_versions() {
  if (!llvm_version().starts_with(kGoldenMajor)) {
    SKIP("the texts are LLVM " << kGoldenMajor << "x's; got LLVM " << llvm_version());
  }
}

}  // namespace

TEST_CASE("S3's step as LLVM IR: a product and a reduction") {
  skip_without_target();
  skip_other_versions();
  const auto kernels = kernels_of_s3([](const std::string& label) {
    return label == "dot add 128x10|512" || label == "reduce_max 128|10";
  });
  REQUIRE(kernels.size() == 2);
  const std::string text = emit_llvm_text(pointers_to(kernels), kTarget);
  CHECK(text == gradus::testing::golden("llvm/s3.txt", text));
}

TEST_CASE("S3's step as assembly: the innermost loops by instruction") {
  skip_without_target();
  skip_other_versions();
  const auto kernels = kernels_of_s3([](const std::string&) { return true; });
  const auto functions = testing::functions_of(emit_assembly(pointers_to(kernels), kTarget));
  REQUIRE(functions.size() == kernels.size());
  std::string text;
  for (size_t i = 0; i < functions.size(); ++i)
    text += kernels[i].label + "\n" + to_string(functions[i]);
  CHECK(text == gradus::testing::golden("asm/s3.txt", text));
}

TEST_CASE("the loops of S3's large products are multiply-adds on registers") {
  skip_without_target();
  const std::set<std::string> large{"dot add max 128x512|784", "dot add max 128x512|512",
                                    "gt dot select 128x512|512", "dot fma 512x512|128",
                                    "dot fma 512x784|128"};
  const auto kernels = kernels_of_s3([&](const std::string& l) { return large.contains(l); });
  REQUIRE(kernels.size() == large.size());
  for (const auto& f : testing::functions_of(emit_assembly(pointers_to(kernels), kTarget))) {
    INFO(to_string(f));
    const auto hottest =
        std::ranges::max_element(f.loops, {}, &testing::Instructions::multiply_adds);
    REQUIRE(hottest != f.loops.end());
    // A tile of 8 rows by 3 vectors: 24 accumulators stay in registers.
    CHECK(hottest->multiply_adds() % 24 == 0);
    CHECK(hottest->multiply_adds() > 0);
    CHECK(hottest->on_stack == 0);
  }
}

}  // namespace gradus::codegen
