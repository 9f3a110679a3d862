// Trees of tensors as a whole: what training code asks of a model's parameters. A tree is any value
// that pytree.h can walk; a path names a leaf by the steps to it, joined by slashes:
// "conv2d_1/w" in a map of names, "layers/0/w" in structs and vectors.
//
// Functions that compute do so in one compiled program, and become part of the graph in a trace.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gradus/pytree.h>

namespace gradus::tree {

/// Leaves by path: what is left of a tree when some of its leaves are taken out. A tree itself, and
/// the same as a model's parameters where these are a map of names.
using Named = std::map<std::string, Tensor>;
/// Whether a leaf is meant.
using Predicate = std::function<bool(const std::string& path, const Tensor& leaf)>;

namespace detail {

std::vector<std::string> paths_of(TreeRef tree);
Named named(TreeRef tree, SourcePos where);
std::pair<Named, Named> partition(TreeRef tree, const Predicate& predicate, SourcePos where);
void assign(TreeRef tree, const Named& first, const Named& second, SourcePos where);
Tensor ravel(const std::vector<Tensor>& leaves, SourcePos where);
std::vector<Tensor> unravel(const std::vector<Tensor>& like, const Tensor& vector, SourcePos where);
std::vector<Tensor> cast(const std::vector<Tensor>& leaves, DType dtype, SourcePos where);
std::vector<Tensor> zeros_like(const std::vector<Tensor>& leaves, SourcePos where);
Tensor inner_product(const std::vector<Tensor>& a, const std::vector<Tensor>& b, SourcePos where);
int64_t elements(const std::vector<Tensor>& leaves, SourcePos where);
size_t bytes(const std::vector<Tensor>& leaves, SourcePos where);
std::optional<std::string> first_not_finite(TreeRef tree, SourcePos where);

}  // namespace detail

/// "layers/0/w" for each leaf, in the order of tree_leaves; "" for a tree that is one tensor.
template <class T>
std::vector<std::string> paths(const T& tree) {
  return detail::paths_of(gradus::detail::tree_ref(tree));
}

/// The number of elements of all leaves, and of their bytes.
template <class T>
int64_t elements(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::elements(tree_leaves(tree), where);
}
template <class T>
size_t bytes(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::bytes(tree_leaves(tree), where);
}

/// f(path, leaf) for every leaf; with more trees of the same structure, f(path, leaf, leaves at the
/// same place…). ValueError naming the path where they differ.
template <class F, class T, class... Rest>
T map_with_path(F&& f, const T& tree, const Rest&... rest) {
  const std::vector<std::string> names = paths(tree);
  size_t i = 0;
  return tree_map([&](const Tensor& leaf,
                      const auto&... others) -> Tensor { return f(names[i++], leaf, others...); },
                  tree, rest...);
}

// ---------------------------------------------------------------------------- taking trees apart

/// All leaves by path. ValueError if two have one path.
template <class T>
Named named(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::named(gradus::detail::tree_ref(tree), where);
}

/// The leaves for which the predicate holds, by path.
template <class T>
Named filter(const T& tree, const Predicate& predicate, SourcePos where = SourcePos::here()) {
  return detail::partition(gradus::detail::tree_ref(tree), predicate, where).first;
}

/// The leaves for which the predicate holds, and the others: auto [trained, frozen] =
/// tree::partition(params, …); then grad by the first and combine() inside.
template <class T>
std::pair<Named, Named> partition(const T& tree, const Predicate& predicate,
                                  SourcePos where = SourcePos::here()) {
  return detail::partition(gradus::detail::tree_ref(tree), predicate, where);
}

/// A tree like `like` of the leaves of both parts. ValueError, naming the path, for a leaf that is
/// missing, that both parts have, or that the tree does not have. (The leaves of `like` are not
/// read.)
template <class T>
T combine(T like, const Named& first, const Named& second = {},
          SourcePos where = SourcePos::here()) {
  detail::assign(gradus::detail::tree_ref(like), first, second, where);
  return like;
}

// --------------------------------------------------------------------------------- one vector

/// All elements as one vector, leaf after leaf, each row-major, in the type that they promote to
/// (f32[0] of no leaves).
template <class T>
Tensor ravel(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::ravel(tree_leaves(tree), where);
}

/// The inverse: a tree with the shapes and types of `like`. ShapeError unless the vector has as
/// many elements.
template <class T>
T unravel(T like, const Tensor& vector, SourcePos where = SourcePos::here()) {
  const std::vector<Tensor> leaves = detail::unravel(tree_leaves(like), vector, where);
  return tree_unflatten(std::move(like), leaves, where);
}

// -------------------------------------------------------------------------------- computations

/// Leaves of floats converted; all others as they are. DTypeError if `dtype` is no float type.
template <class T>
T cast(const T& tree, DType dtype, SourcePos where = SourcePos::here()) {
  return tree_unflatten(tree, detail::cast(tree_leaves(tree), dtype, where), where);
}

template <class T>
T zeros_like(const T& tree, SourcePos where = SourcePos::here()) {
  return tree_unflatten(tree, detail::zeros_like(tree_leaves(tree), where), where);
}

/// Σ a · b over all elements. ValueError or ShapeError for trees that differ.
template <class T>
Tensor inner_product(const T& a, const T& b, SourcePos where = SourcePos::here()) {
  gradus::detail::expect_same_structure("inner_product", gradus::detail::tree_ref(a),
                                        gradus::detail::tree_ref(b), 1, where);
  return detail::inner_product(tree_leaves(a), tree_leaves(b), where);
}

/// The Euclidean norm of all elements of float leaves as one vector: a scalar, f32 (0 of no leaves)
/// or f64.
Tensor global_norm(const std::vector<Tensor>& leaves, SourcePos where = SourcePos::here());
template <class T>
Tensor global_norm(const T& tree, SourcePos where = SourcePos::here()) {
  return global_norm(tree_leaves(tree), where);
}

/// Whether no element is infinite or NaN: bool[].
Tensor all_finite(const std::vector<Tensor>& leaves, SourcePos where = SourcePos::here());
template <class T>
Tensor all_finite(const T& tree, SourcePos where = SourcePos::here()) {
  return all_finite(tree_leaves(tree), where);
}

/// The path of the first leaf with an element that is infinite or NaN; reads the values, so outside
/// traces only (TraceError).
template <class T>
std::optional<std::string> first_not_finite(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::first_not_finite(gradus::detail::tree_ref(tree), where);
}

}  // namespace gradus::tree
