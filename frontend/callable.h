// How transforms see a user's function: parameter types, arguments converted to them, and the call
// on other leaves, hidden behind one non-template type.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include <gradus/pytree.h>

namespace gradus::detail {

template <class... T>
struct TypeList {
  static constexpr size_t kSize = sizeof...(T);
};

template <size_t I, class List>
struct TypeAt;
template <size_t I, class... T>
struct TypeAt<I, TypeList<T...>> {
  using type = std::tuple_element_t<I, std::tuple<T...>>;
};

/// TypeList of the parameters of something that is called in one way only; void for generic lambdas
/// and overload sets.
template <class F>
struct ParametersOf {
  using type = void;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> {
  using type = TypeList<P...>;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> {
  using type = TypeList<P...>;
};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...)> {
  using type = TypeList<P...>;
};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const> {
  using type = TypeList<P...>;
};
template <class R, class C, class... P>
struct ParametersOf<R (C::*)(P...) const noexcept> {
  using type = TypeList<P...>;
};
template <class F>
requires requires {
  &F::operator();
}
struct ParametersOf<F> : ParametersOf<decltype(&F::operator())> {};
/// A transformed function takes what its function takes.
template <class F>
requires requires {
  typename F::TransformedFunction;
}
struct ParametersOf<F> : ParametersOf<typename F::TransformedFunction> {};

/// The type in which an argument is held for a parameter declared as P: by value, and a Tensor for
/// the Arg of the library's own operations.
template <class P>
struct HeldType {
  static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
                "gradus: a transformed function cannot have a T& parameter: what it writes there "
                "would be lost; return the new value instead");
  using type = std::remove_cvref_t<P>;
};
template <>
struct HeldType<Arg> {
  using type = Tensor;
};

template <size_t I, class Parameters, class A>
struct ArgumentType {
  using type = typename HeldType<typename TypeAt<I, Parameters>::type>::type;
};
template <size_t I, class A>
struct ArgumentType<I, void, A> {
  using type = std::remove_cvref_t<A>;
};

template <class Parameters>
inline constexpr bool kTakesArg = false;
template <class... P>
inline constexpr bool kTakesArg<TypeList<P...>> = (std::same_as<P, Arg> || ...);

template <class Parameters, class... A>
consteval bool accepts_count() {
  if constexpr (std::is_void_v<Parameters>) {
    return true;
  } else {
    return sizeof...(A) <= Parameters::kSize;
  }
}

/// What the traced function returned: the object, and a way to walk it.
struct TracedResult {
  std::shared_ptr<void> object;
  TreeRef tree;
};

/// A user's function together with its arguments.
struct Traceable {
  const void* call = nullptr;
  /// Calls it on copies of the arguments that have these leaves, in order.
  TracedResult (*run)(const void* call, std::span<const Tensor> leaves) = nullptr;
  std::span<const TreeRef> arguments;
  /// Whether the argument was an rvalue (or is a converted copy): its leaves may be donated.
  std::span<const bool> owned;
  /// It is one of the library's operations: its lines are those of the transform's caller.
  bool is_library_function = false;
};

void assign_leaves(std::span<const TreeRef> trees, std::span<const Tensor> leaves);

template <class F, class Indices, class... A>
class BoundCall;

/// A call f(args…) held back: arguments converted to the parameters' types and bound by reference
/// where they already have them.
template <class F, size_t... I, class... A>
class BoundCall<F, std::index_sequence<I...>, A...> {
  using Parameters = typename ParametersOf<F>::type;
  static_assert(accepts_count<Parameters, A...>(), "gradus: too many arguments for the function");
  static_assert(((std::is_lvalue_reference_v<A> || !std::is_const_v<A>)&&...),
                "gradus: std::move of a const object cannot give its memory away; drop the "
                "std::move or the const");

 public:
  template <size_t K>
  using Argument =
      typename ArgumentType<K, Parameters, std::tuple_element_t<K, std::tuple<A...>>>::type;
  using Result = std::decay_t<std::invoke_result_t<const F&, Argument<I>...>>;

  BoundCall(const F& f, A&&... args)
      : f_(f), held_(std::forward<A>(args)...), trees_{tree_ref(std::get<I>(held_))...} {}
  BoundCall(const BoundCall&) = delete;
  BoundCall& operator=(const BoundCall&) = delete;

  Traceable traceable() const { return {this, &run, trees_, kOwned, kTakesArg<Parameters>}; }

  template <size_t K>
  const Argument<K>& argument() const {
    return std::get<K>(held_);
  }

  /// The plain call, inside a trace.
  Result call_now() const {
    return std::apply(f_, std::tuple<Argument<I>...>(std::get<I>(held_)...));
  }

 private:
  template <class P, class B>
  using Held = std::conditional_t<std::same_as<std::remove_cvref_t<B>, P>, B&&, P>;

  static TracedResult run(const void* call, std::span<const Tensor> leaves) {
    const auto& self = *static_cast<const BoundCall*>(call);
    std::tuple<Argument<I>...> arguments(std::get<I>(self.held_)...);
    const std::array<TreeRef, sizeof...(A)> trees{tree_ref(std::get<I>(arguments))...};
    assign_leaves(trees, leaves);
    auto result = std::make_shared<Result>(std::apply(self.f_, std::move(arguments)));
    return {result, tree_ref(*result)};
  }

  static constexpr std::array<bool, sizeof...(A)> kOwned{
      (!std::is_lvalue_reference_v<A> || !std::same_as<std::remove_cvref_t<A>, Argument<I>>)...};

  const F& f_;
  std::tuple<Held<Argument<I>, A>...> held_;
  std::array<TreeRef, sizeof...(A)> trees_;
};

template <class F, class... A>
using BoundCallOf = BoundCall<F, std::index_sequence_for<A...>, A...>;

}  // namespace gradus::detail
