// The row of call: a graph as an op. Passes see its body only after inline_calls.
#include <fmt/format.h>

#include "compiler/ops/families.h"
#include "compiler/reference.h"

namespace gradus::ops {

namespace {

std::vector<Type> infer_call(const InferContext& c) {
  const ir::Graph& body = *c.attr<ir::GraphPtr>("body");
  const auto expected = body.input_types();
  if (expected.size() != c.in.size()) {
    fail_value(c,
               fmt::format("wrong number of operands for {}; got {}, expected {}", body.name(),
                           c.in.size(), expected.size()),
               "pass one operand for each input");
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (c.in[i] == expected[i]) continue;
    const std::string what =
        fmt::format("input {} of {} has another type; got {}, expected {}",
                    body.input_name(i).empty() ? std::to_string(i) : body.input_name(i),
                    body.name(), to_string(c.in[i]), to_string(expected[i]));
    if (c.in[i].dtype != expected[i].dtype) fail_dtype(c, what, "convert the operand");
    fail_shape(c, what, "pass an operand of that shape");
  }
  return body.output_types();
}

OpDef call_row() {
  OpDef op{.name = "call",
           .family = Family::Control,
           .operands = -1,
           .results = -1,
           .attributes = {{"body", AttrKind::Graph}}};
  op.infer = infer_call;
  op.reference = [](const ReferenceContext& c) {
    return evaluate_reference(*c.attr<ir::GraphPtr>("body"), c.in);
  };
  op.no_jvp = "calls are inlined before they are differentiated";
  op.no_batch = "calls are inlined before they are batched";
  op.no_lowering = "calls are inlined before scheduling";
  return op;
}

}  // namespace

void register_control(Registry& registry) {
  registry.add(call_row());
}

}  // namespace gradus::ops
