#include "frontend/tracing.h"

#include <optional>

#include <fmt/format.h>

namespace gradus::detail {

std::string argument_name(size_t i, std::span<const std::string> names) {
  return i < names.size() ? names[i] : fmt::format("arg{}", i);
}

TracedResult call_user(const Traceable& call, std::span<const Tensor> leaves) {
  std::optional<UserCode> user;
  if (!call.is_library_function) user.emplace();
  return call.run(call.call, leaves);
}

ClosedGraph close_over(const char* transform, std::span<const Type> types,
                       std::span<const std::string> paths, const Traceable& call) {
  Trace trace(Trace::Kind::Inner, transform, transform);
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < types.size(); ++i)
    leaves.push_back(trace.parameter(types[i], paths[i]));
  TracedResult result = call_user(call, leaves);
  std::vector<Tensor> outputs;
  for (Tensor* x : leaves_of(result.tree))
    outputs.push_back(*x);
  if (outputs.empty()) {
    fail<TransformError>("the function returned no tensor; expected at least one",
                         "return what is to be computed");
  }
  ir::Graph graph = trace.finish(outputs, paths_of(result.tree));
  return {std::move(graph), trace.captured(), std::move(result)};
}

}  // namespace gradus::detail
