// Transforms: functions of functions. Each takes a plain C++ function over trees of tensors and
// returns a function over the same trees; they nest in any order. Inside a trace they become part
// of the surrounding graph; outside, they trace their function on every call and find the compiled
// program by the graph's content. jit keeps the compiled program and skips the tracing.
#pragma once

#include <climits>
#include <optional>

#include <gradus/callable.h>

namespace gradus {

// ---------------------------------------------------------------------------------------- results

/// A differentiated value together with more results, which carry no derivative.
template <class Value, class Aux>
struct WithAux {
  Value value;
  Aux aux;
};

/// return with_aux(loss, predictions);
template <class Value, class Aux>
WithAux<std::decay_t<Value>, std::decay_t<Aux>> with_aux(Value&& value, Aux&& aux) {
  return {std::forward<Value>(value), std::forward<Aux>(aux)};
}

namespace detail {

template <class T>
inline constexpr bool kHasAux = false;
template <class V, class A>
inline constexpr bool kHasAux<WithAux<V, A>> = true;

template <class T>
struct PrimaryOf {
  using type = T;
};
template <class V, class A>
struct PrimaryOf<WithAux<V, A>> {
  using type = V;
};

template <class R>
R& result_as(const TracedResult& result) {
  return *static_cast<R*>(result.object.get());
}

template <class T>
T with_leaves(T like, std::span<const Tensor> leaves) {
  assign_leaves(tree_ref(like), leaves, {});
  return like;
}

}  // namespace detail

// -------------------------------------------------------------------------------------------- jit

struct JitOptions {
  /// Names the program in logs, dumps and profiles.
  std::string name = "jit";
  /// Names of the arguments, for messages: {"params", "x", "y"}.
  std::vector<std::string> arguments = {};
  /// Compiled programs kept; the least recently used goes.
  int capacity = 256;
};

namespace detail {

class JitState;
std::shared_ptr<JitState> make_jit_state(JitOptions options, SourcePos where);
int compilations_of(const JitState& state);
bool is_tracing();

/// One call of a jitted function: finds or makes the program and runs it.
class JitRun {
 public:
  JitRun(JitState& state, const Traceable& call);
  ~JitRun();
  JitRun(const JitRun&) = delete;
  JitRun& operator=(const JitRun&) = delete;

  /// A result object without leaves.
  const void* prototype() const;
  /// Moves the results into the copy's leaves.
  void give_results(TreeRef copy);

 private:
  friend class JitState;
  JitState& state_;
  void* frame_;
};

void jit_compile_only(JitState& state, const Traceable& call);
std::string jit_graph_text(JitState& state, const Traceable& call);
/// While it lives, operations of the library report this line.
class LibraryCall {
 public:
  LibraryCall(const char* op, SourcePos where);
  ~LibraryCall();
  LibraryCall(const LibraryCall&) = delete;
  LibraryCall& operator=(const LibraryCall&) = delete;
};

template <class R>
consteval void check_jit_result() {
  static_assert(!std::is_void_v<R>, "gradus: a jitted function must return a tensor or a tree");
  static_assert(!StaticLeaf<R> && !std::is_floating_point_v<R>,
                "gradus: a jitted function returns tensors, or trees of tensors: a C++ number "
                "computed while tracing would be the same for ever");
}

}  // namespace detail

/// See jit().
template <class F>
class Jit {
 public:
  using TransformedFunction = F;

  Jit(F f, JitOptions options, SourcePos where)
      : f_(std::move(f)),
        where_(where),
        state_(detail::make_jit_state(std::move(options), where)) {}

  template <class... A>
  auto operator()(A&&... args) const {
    using Call = detail::BoundCallOf<F, A...>;
    using R = typename Call::Result;
    detail::check_jit_result<R>();
    const Call call(f_, std::forward<A>(args)...);
    const detail::Traceable traceable = call.traceable();
    if (detail::is_tracing()) {
      if (!traceable.is_library_function) return call.call_now();
      const detail::LibraryCall position("jit", where_);
      return call.call_now();
    }
    detail::JitRun run(*state_, traceable);
    R result(*static_cast<const R*>(run.prototype()));
    run.give_results(detail::tree_ref(result));
    return result;
  }

  /// Traces and compiles for arguments like these, without running.
  template <class... A>
  void compile(A&&... args) const {
    const detail::BoundCallOf<F, A...> call(f_, std::forward<A>(args)...);
    detail::jit_compile_only(*state_, call.traceable());
  }

  /// The traced graph for arguments like these, as text.
  template <class... A>
  std::string graph_text(A&&... args) const {
    const detail::BoundCallOf<F, A...> call(f_, std::forward<A>(args)...);
    return detail::jit_graph_text(*state_, call.traceable());
  }

  /// How many times this function has been compiled.
  int compilations() const { return detail::compilations_of(*state_); }

 private:
  F f_;
  SourcePos where_;
  std::shared_ptr<detail::JitState> state_;
};

/// f, traced and compiled once for each kind of arguments (structure, types, static values) and run
/// as one program. An argument that is moved in gives its memory to the results ("donation") unless
/// other handles on it live. Copies of the returned object share their programs. Several threads
/// may call one object. A tensor that f captures from outside is a TraceError; see constant(). C++
/// variables captured by reference are read while tracing only.
template <class F>
Jit<std::decay_t<F>> jit(F&& f, JitOptions options = {}, SourcePos where = SourcePos::here()) {
  return {std::forward<F>(f), std::move(options), where};
}
template <class F>
Jit<std::decay_t<F>> jit(F&& f, const char* name, SourcePos where = SourcePos::here()) {
  return {std::forward<F>(f), JitOptions{.name = name}, where};
}

// -------------------------------------------------------------------------------- grad and friends

namespace detail {

struct GradOutcome {
  TracedResult result;
  std::vector<Tensor> gradients;  // leaves of the arguments `wrt`, in order
};
GradOutcome run_grad(const char* name, SourcePos where, const Traceable& call,
                     std::span<const int> wrt, bool with_value);

template <class Call, int... I>
consteval void check_grad() {
  using R = typename Call::Result;
  static_assert(std::same_as<typename PrimaryOf<R>::type, Tensor>,
                "gradus: grad needs a function that returns one scalar Tensor, or "
                "with_aux(scalar, others)");
}

/// The leaves of the differentiated arguments, put back into their trees.
template <int... I, class Call>
auto gradients_of(const Call& call, std::span<const Tensor> leaves) {
  size_t next = 0;
  const auto take = [&]<class T>(const T& like) {
    const size_t count = leaves_of(tree_ref(like)).size();
    next += count;
    return with_leaves(like, leaves.subspan(next - count, count));
  };
  if constexpr (sizeof...(I) == 1) {
    return take(call.template argument<I...>());
  } else {
    return std::tuple{take(call.template argument<I>())...};
  }
}

}  // namespace detail

/// See grad() and value_and_grad().
template <bool kWithValue, class F, int... I>
class Grad {
 public:
  using TransformedFunction = F;

  Grad(F f, SourcePos where) : f_(std::move(f)), where_(where) {}

  template <class... A>
  auto operator()(A&&... args) const {
    using Call = detail::BoundCallOf<F, A...>;
    using R = typename Call::Result;
    detail::check_grad<Call, I...>();
    static_assert(((I >= 0 && I < static_cast<int>(sizeof...(A))) && ...),
                  "gradus: grad<I>: there is no such argument");
    const Call call(f_, std::forward<A>(args)...);
    static constexpr std::array<int, sizeof...(I)> kWrt{I...};
    const auto outcome = detail::run_grad(kWithValue ? "value_and_grad" : "grad", where_,
                                          call.traceable(), kWrt, kWithValue);
    auto gradients = detail::gradients_of<I...>(call, outcome.gradients);
    if constexpr (detail::kHasAux<R>) {
      R& result = detail::result_as<R>(outcome.result);
      if constexpr (kWithValue) {
        return std::tuple{std::move(result.value), std::move(gradients), std::move(result.aux)};
      } else {
        return std::pair{std::move(gradients), std::move(result.aux)};
      }
    } else if constexpr (kWithValue) {
      return std::pair{std::move(detail::result_as<R>(outcome.result)), std::move(gradients)};
    } else {
      return gradients;
    }
  }

 private:
  F f_;
  SourcePos where_;
};

/// The gradient of a scalar function by its first argument: a tree like that argument. grad<0,
/// 2>(f) differentiates those arguments and returns a tuple. If f returns with_aux(loss, aux), so
/// does the gradient: pair{gradient, aux}. Integer and bool leaves of these arguments, and results
/// that are no float scalars, are TransformErrors.
template <int... I, class F>
auto grad(F&& f, SourcePos where = SourcePos::here()) {
  if constexpr (sizeof...(I) == 0) {
    return Grad<false, std::decay_t<F>, 0>(std::forward<F>(f), where);
  } else {
    return Grad<false, std::decay_t<F>, I...>(std::forward<F>(f), where);
  }
}

/// auto [loss, gradient] = value_and_grad(f)(params, x); with auxiliary results,
/// auto [loss, gradient, aux].
template <int... I, class F>
auto value_and_grad(F&& f, SourcePos where = SourcePos::here()) {
  if constexpr (sizeof...(I) == 0) {
    return Grad<true, std::decay_t<F>, 0>(std::forward<F>(f), where);
  } else {
    return Grad<true, std::decay_t<F>, I...>(std::forward<F>(f), where);
  }
}

// ------------------------------------------------------------------------------------ jvp and vjp

namespace detail {

struct JvpOutcome {
  TracedResult result, tangents;
};
/// `tangents` has one tree for each argument.
TracedResult run_jvp(SourcePos where, const Traceable& call, std::span<const TreeRef> tangents,
                     std::vector<Tensor>& result_tangents);

class PullbackState;
struct VjpOutcome {
  TracedResult result;
  std::shared_ptr<const PullbackState> pullback;
};
/// Differentiates the first `primary(result)` leaves.
VjpOutcome run_vjp(SourcePos where, const Traceable& call,
                   size_t (*primary_leaves)(const TracedResult&));
std::vector<Tensor> run_pullback(const PullbackState& state, TreeRef cotangent, SourcePos where);

template <class R>
size_t primary_leaves(const TracedResult& result) {
  if constexpr (kHasAux<R>) {
    return leaves_of(tree_ref(result_as<R>(result).value)).size();
  } else {
    return leaves_of(result.tree).size();
  }
}

template <class T>
struct TupleOf {
  static constexpr bool kIsTuple = false;
};
template <class... T>
struct TupleOf<std::tuple<T...>> {
  static constexpr bool kIsTuple = true;
};

}  // namespace detail

/// The linear map from cotangents of a function's result to cotangents of its arguments.
template <class Result, class... P>
class Pullback {
 public:
  Pullback(std::shared_ptr<const detail::PullbackState> state, std::tuple<P...> like)
      : state_(std::move(state)), like_(std::move(like)) {}

  /// A tree like the argument, or a tuple of trees if there are several.
  auto operator()(const Result& cotangent, SourcePos where = SourcePos::here()) const {
    const auto leaves = detail::run_pullback(*state_, detail::tree_ref(cotangent), where);
    return [&]<size_t... I>(std::index_sequence<I...>) {
      size_t next = 0;
      const std::span<const Tensor> all = leaves;
      const auto take = [&]<class T>(const T& like) {
        const size_t count = detail::leaves_of(detail::tree_ref(like)).size();
        next += count;
        return detail::with_leaves(like, all.subspan(next - count, count));
      };
      if constexpr (sizeof...(P) == 1) {
        return take(std::get<0>(like_));
      } else {
        return std::tuple<P...>{take(std::get<I>(like_))...};
      }
    }
    (std::index_sequence_for<P...>{});
  }

 private:
  std::shared_ptr<const detail::PullbackState> state_;
  std::tuple<P...> like_;
};

namespace detail {

template <class F, class... A>
auto vjp_at(const F& f, SourcePos where, const A&... args) {
  using Call = BoundCallOf<F, const A&...>;
  using R = typename Call::Result;
  const Call call(f, args...);
  const auto outcome = run_vjp(where, call.traceable(), &primary_leaves<R>);
  auto pullback = [&]<size_t... I>(std::index_sequence<I...>) {
    return Pullback<typename PrimaryOf<R>::type, typename Call::template Argument<I>...>(
        outcome.pullback, {call.template argument<I>()...});
  }
  (std::index_sequence_for<A...>{});
  R& result = result_as<R>(outcome.result);
  if constexpr (kHasAux<R>) {
    return std::tuple{std::move(result.value), std::move(pullback), std::move(result.aux)};
  } else {
    return std::pair{std::move(result), std::move(pullback)};
  }
}

template <class F, class... P, class... T>
auto jvp_at(const F& f, SourcePos where, const std::tuple<P...>& primals,
            const std::tuple<T...>& tangents) {
  static_assert(sizeof...(P) == sizeof...(T), "gradus: jvp needs one tangent for each argument");
  return [&]<size_t... I>(std::index_sequence<I...>) {
    using Call = BoundCallOf<F, const P&...>;
    using R = typename Call::Result;
    const Call call(f, std::get<I>(primals)...);
    const std::tuple<typename Call::template Argument<I>...> directions(std::get<I>(tangents)...);
    const std::array<TreeRef, sizeof...(P)> trees{tree_ref(std::get<I>(directions))...};
    std::vector<Tensor> leaves;
    const TracedResult outcome = run_jvp(where, call.traceable(), trees, leaves);
    R& result = result_as<R>(outcome);
    R derivative = with_leaves(result, leaves);
    return std::pair{std::move(result), std::move(derivative)};
  }
  (std::index_sequence_for<P...>{});
}

}  // namespace detail

/// auto [y, dy] = jvp(f, x, dx): value and directional derivative in one pass forward. Several
/// arguments stand in tuples: jvp(f, std::tuple{x, w}, std::tuple{dx, dw}). Integer and bool leaves
/// carry no tangent: theirs are ignored, and come back as zeros.
template <class F, class P, class T>
auto jvp(F&& f, const P& primals, const T& tangents, SourcePos where = SourcePos::here()) {
  const std::decay_t<F> function(std::forward<F>(f));
  if constexpr (detail::TupleOf<P>::kIsTuple) {
    return detail::jvp_at(function, where, primals, tangents);
  } else {
    return detail::jvp_at(function, where, std::tuple<P>(primals), std::tuple<T>(tangents));
  }
}

/// auto [y, pullback] = vjp(f, x, w): the value, and the map from a cotangent of y to cotangents of
/// the arguments (a tuple if there are several). What the pullback needs of the forward pass is
/// computed once. If f returns with_aux(y, aux): auto [y, pullback, aux].
template <class F, class A>
auto vjp(F&& f, const A& a, SourcePos where = SourcePos::here()) {
  return detail::vjp_at(std::decay_t<F>(std::forward<F>(f)), where, a);
}
template <class F, class A, class B>
auto vjp(F&& f, const A& a, const B& b, SourcePos where = SourcePos::here()) {
  return detail::vjp_at(std::decay_t<F>(std::forward<F>(f)), where, a, b);
}
template <class F, class A, class B, class C>
auto vjp(F&& f, const A& a, const B& b, const C& c, SourcePos where = SourcePos::here()) {
  return detail::vjp_at(std::decay_t<F>(std::forward<F>(f)), where, a, b, c);
}
template <class F, class A, class B, class C, class D>
auto vjp(F&& f, const A& a, const B& b, const C& c, const D& d,
         SourcePos where = SourcePos::here()) {
  return detail::vjp_at(std::decay_t<F>(std::forward<F>(f)), where, a, b, c, d);
}

// ------------------------------------------------------------------------------------------- vmap

/// Which axis is mapped: an axis, none, or a list with one of these for each member. What stands
/// for a tree holds for all its leaves.
class AxisTree {
 public:
  AxisTree(int axis) : axis_(axis) {}
  AxisTree(std::vector<AxisTree> members)
      : members_(std::make_shared<const std::vector<AxisTree>>(std::move(members))) {}

  bool is_leaf() const { return members_ == nullptr; }
  int axis() const { return axis_; }
  const std::vector<AxisTree>& members() const { return *members_; }

 private:
  int axis_ = 0;
  std::shared_ptr<const std::vector<AxisTree>> members_;
};

/// Not mapped: every example sees the same value.
inline constexpr int none = INT_MIN;

/// in_axes(none, 0): one entry for each argument, or for each member where lists nest:
/// in_axes(axes(0, none), 0).
template <class... Axis>
AxisTree in_axes(Axis... axis) {
  return AxisTree(std::vector<AxisTree>{AxisTree(std::move(axis))...});
}
template <class... Axis>
AxisTree axes(Axis... axis) {
  return in_axes(std::move(axis)...);
}
template <class... Axis>
AxisTree out_axes(Axis... axis) {
  if constexpr (sizeof...(Axis) == 1) {
    return (AxisTree(std::move(axis)), ...);
  } else {
    return in_axes(std::move(axis)...);
  }
}

namespace detail {
TracedResult run_vmap(SourcePos where, const Traceable& call, const AxisTree& in,
                      const AxisTree& out);
}  // namespace detail

/// See vmap().
template <class F>
class Vmap {
 public:
  using TransformedFunction = F;

  Vmap(F f, AxisTree in, AxisTree out, SourcePos where)
      : f_(std::move(f)), in_(std::move(in)), out_(std::move(out)), where_(where) {}

  template <class... A>
  auto operator()(A&&... args) const {
    using Call = detail::BoundCallOf<F, A...>;
    using R = typename Call::Result;
    const Call call(f_, std::forward<A>(args)...);
    const auto outcome = detail::run_vmap(where_, call.traceable(), in_, out_);
    return R(std::move(detail::result_as<R>(outcome)));
  }

 private:
  F f_;
  AxisTree in_, out_;
  SourcePos where_;
};

/// f, written for one example, applied to many at once: vmap(predict, in_axes(none, 0)). Each
/// mapped leaf has one more axis, at the given place, of the same extent everywhere (ShapeError
/// otherwise).
template <class F>
Vmap<std::decay_t<F>> vmap(F&& f, AxisTree in = 0, AxisTree out = 0,
                           SourcePos where = SourcePos::here()) {
  return {std::forward<F>(f), std::move(in), std::move(out), where};
}

}  // namespace gradus
