#include "compiler/transforms/passes.h"

#include <algorithm>

#include "compiler/transforms/crop.h"
#include "compiler/transforms/dce.h"
#include "compiler/transforms/decompose.h"
#include "compiler/transforms/fuse_multiply_add.h"
#include "compiler/transforms/inline_calls.h"
#include "compiler/transforms/polyphase.h"
#include "compiler/transforms/pool_gradient.h"
#include "compiler/transforms/remove_stop_gradient.h"
#include "compiler/transforms/simplify.h"

namespace gradus::transforms {
namespace {

constexpr Pass kPasses[] = {
    {"inline_calls", inline_calls, false, true},
    {"remove_stop_gradient", remove_stop_gradient, true, true},
    {"polyphase", polyphase, true, false},
    {"decompose", decompose, false, true},
    {"dce", [](const ir::Graph& graph) { return dce(graph); }, true, true},
    {"simplify", simplify, true, true},
    {"pool_gradient", pool_gradient, true, false},
    {"crop", crop, true, true},
    {"fuse_multiply_add", fuse_multiply_add, true, false},
};

}  // namespace

std::span<const Pass> passes() {
  return kPasses;
}

const Pass* find_pass(std::string_view name) {
  const auto it = std::ranges::find(kPasses, name, &Pass::name);
  return it == std::end(kPasses) ? nullptr : &*it;
}

}  // namespace gradus::transforms
