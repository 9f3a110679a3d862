#include "frontend/eval_shape.h"

#include <optional>

#include "frontend/tracing.h"

namespace gradus::detail {

TracedResult run_eval_shape(SourcePos where, const Traceable& call) {
  std::optional<PositionScope> scope;
  if (where) scope.emplace("eval_shape", where);
  std::optional<Trace> root;
  if (!Trace::innermost()) root.emplace(Trace::Kind::Eager, "eval_shape", "eval_shape");
  std::vector<Type> types;
  std::vector<std::string> paths;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    for (Tensor* x : leaves_of(call.arguments[i])) {
      types.push_back(x->type(position()));
      paths.push_back(argument_name(i, {}));
    }
  }
  return close_over("eval_shape", types, paths, call).result;
}

}  // namespace gradus::detail
