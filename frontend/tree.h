// Trees of tensors as a whole: what training code asks of a model's parameters. A tree is any value
// that pytree.h can walk; a path names a leaf by the steps to it, joined by slashes:
// "conv2d_1/w" in a map of names, "layers/0/w" in structs and vectors.
#pragma once

#include <string>
#include <vector>

#include <gradus/pytree.h>

namespace gradus::tree {

namespace detail {
std::vector<std::string> paths_of(TreeRef tree);
}  // namespace detail

/// "layers/0/w" for each leaf, in the order of tree_leaves; "" for a tree that is one tensor.
template <class T>
std::vector<std::string> paths(const T& tree) {
  return detail::paths_of(gradus::detail::tree_ref(tree));
}

}  // namespace gradus::tree
