// Data sets as trees of tensors: entry i of the first axis of every leaf together is item i.
//
//     struct Set { Tensor images, labels; };         // u8[60000,28,28], u8[60000]
//     auto [train, validation] = data::split_at(all, 48000);
//     auto batches = data::batches(train, {.size = 256, .order = data::Order::numpy(0)});
//
// Leaves must be concrete (TraceError) and of rank 1 at least, with one extent of the first axis
// (ShapeError, naming the paths).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <gradus/data/batches.h>
#include <gradus/pytree.h>
#include <gradus/tensor.h>

namespace gradus::data {

namespace detail {
using gradus::detail::tree_ref;

int64_t count_rows(TreeRef tree, SourcePos where);
// Replace the leaves of the tree.
void take_rows(TreeRef tree, std::span<const int64_t> items, SourcePos where);
void keep_rows(TreeRef tree, int64_t first, int64_t end, SourcePos where);
void stack_trees(TreeRef result, std::span<const TreeRef> trees, SourcePos where);
std::vector<int64_t> ends_of_parts(int64_t rows, std::span<const int64_t> counts, SourcePos where);
int64_t count_of_fraction(int64_t rows, double fraction, SourcePos where);
}  // namespace detail

/// The number of items.
template <class T>
int64_t rows(const T& tree, SourcePos where = SourcePos::here()) {
  return detail::count_rows(detail::tree_ref(tree), where);
}

/// The items with these indices, in that order. ValueError for one that is not there. Copied,
/// unless they stand together: see part().
template <class T>
T take(const T& tree, std::span<const int64_t> items, SourcePos where = SourcePos::here()) {
  T result = tree;
  detail::take_rows(detail::tree_ref(result), items, where);
  return result;
}
template <class T>
T take(const T& tree, const std::vector<int64_t>& items, SourcePos where = SourcePos::here()) {
  return take(tree, std::span(items), where);
}

/// Items first, …, end-1. Not copied where the memory's alignment allows it: the part then keeps
/// the whole alive. ValueError unless 0 <= first <= end <= rows.
template <class T>
T part(const T& tree, int64_t first, int64_t end, SourcePos where = SourcePos::here()) {
  T result = tree;
  detail::keep_rows(detail::tree_ref(result), first, end, where);
  return result;
}

/// Consecutive parts of these sizes. ValueError if their sum is above the number of items; what is
/// left over is in no part.
template <class T>
std::vector<T> split(const T& tree, const std::vector<int64_t>& counts,
                     SourcePos where = SourcePos::here()) {
  std::vector<T> parts;
  int64_t first = 0;
  for (const int64_t end : detail::ends_of_parts(rows(tree, where), counts, where)) {
    parts.push_back(part(tree, first, end, where));
    first = end;
  }
  return parts;
}

/// The first `count` items, and the rest.
template <class T>
std::pair<T, T> split_at(const T& tree, int64_t count, SourcePos where = SourcePos::here()) {
  return {part(tree, 0, count, where), part(tree, count, rows(tree, where), where)};
}

/// The first round(fraction · rows) items, and the rest. ValueError unless 0 <= fraction <= 1.
/// Shuffle before, where the items are sorted: take(tree, numpy_permutation(seed, rows(tree))).
template <class T>
std::pair<T, T> split_fraction(const T& tree, double fraction,
                               SourcePos where = SourcePos::here()) {
  return split_at(tree, detail::count_of_fraction(rows(tree, where), fraction, where), where);
}

/// Batches are trees of the same type. Without an order, they are parts of the data's own memory
/// where its alignment allows it, which costs no copy.
template <class T>
Batches<T> batches(T tree, Batching batching, SourcePos where = SourcePos::here()) {
  const int64_t count = rows(tree, where);
  auto whole = std::make_shared<const T>(std::move(tree));
  return Batches<T>(count, std::move(batching), [whole, where] {
    return [whole, where](std::span<const int64_t> items) { return take(*whole, items, where); };
  });
}

/// Collates samples that are trees: each leaf of the result has a new first axis, along which the
/// samples' leaves stand. ValueError for no samples or samples of different structure, ShapeError
/// and DTypeError for leaves that differ.
struct Stack {
  template <class T>
  T operator()(std::span<const T> samples, SourcePos where = SourcePos::here()) const {
    T result = samples.empty() ? T{} : samples.front();
    std::vector<TreeRef> trees;
    for (const T& sample : samples)
      trees.push_back(detail::tree_ref(sample));
    detail::stack_trees(detail::tree_ref(result), trees, where);
    return result;
  }
};
inline constexpr Stack stack{};

/// The items of a data set (anything with size() and operator[]) with these indices.
template <class Dataset>
class Subset {
 public:
  Subset(Dataset dataset, std::vector<int64_t> items)
      : dataset_(std::move(dataset)), items_(std::move(items)) {
    Order::fixed(items_).of_epoch(0, static_cast<int64_t>(dataset_.size()));  // checks them
  }
  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  decltype(auto) operator[](int64_t i) const { return dataset_[items_[static_cast<size_t>(i)]]; }

 private:
  Dataset dataset_;
  std::vector<int64_t> items_;
};

/// f of each item, computed when it is asked for.
template <class Dataset, class F>
class Mapped {
 public:
  Mapped(Dataset dataset, F f) : dataset_(std::move(dataset)), f_(std::move(f)) {}
  int64_t size() const { return static_cast<int64_t>(dataset_.size()); }
  auto operator[](int64_t i) const { return f_(dataset_[i]); }

 private:
  Dataset dataset_;
  F f_;
};

}  // namespace gradus::data
