// Shapes without values.
#pragma once

#include <gradus/callable.h>

namespace gradus {

namespace detail {
TracedResult run_eval_shape(SourcePos where, const Traceable& call);
}  // namespace detail

/// What f(args…) returns, traced and not computed: the leaves of the result have types but no
/// values, and any use of them but type(), shape(), dtype(), rank() and size() is a TraceError.
/// Costs no compilation.
template <class F, class... A>
auto eval_shape(F&& f, const A&... args) {
  const std::decay_t<F> function(std::forward<F>(f));
  using Call = detail::BoundCallOf<std::decay_t<F>, const A&...>;
  const Call call(function, args...);
  const auto outcome = detail::run_eval_shape({}, call.traceable());
  using R = typename Call::Result;
  return R(std::move(*static_cast<R*>(outcome.object.get())));
}

}  // namespace gradus
