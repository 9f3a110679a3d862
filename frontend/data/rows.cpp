#include "frontend/data/rows.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "frontend/tensor_impl.h"
#include "runtime/buffer.h"

namespace gradus::data::detail {
namespace {

constexpr const char* kOp = "data";
using gradus::detail::buffer_of;
using gradus::detail::interned;
using gradus::detail::leaves_of;
using gradus::detail::wrap_buffer;

std::string path_of(TreeRef tree, size_t leaf) {
  const std::string path = gradus::detail::paths_of(tree)[leaf];
  return path.empty() ? "the tensor" : path;
}

const std::byte* bytes_of(const Tensor& x, SourcePos where) {
  return buffer_of(kOp, x, where)->as<std::byte>();
}

size_t row_bytes(const Type& type) {
  return Type{type.dtype, type.shape.without(0)}.bytes();
}

// Whether the items are first, first+1, ….
bool are_consecutive(std::span<const int64_t> items) {
  for (size_t i = 1; i < items.size(); ++i) {
    if (items[i] != items[i - 1] + 1) return false;
  }
  return true;
}

Tensor taken(const Tensor& x, std::span<const int64_t> items, SourcePos where) {
  const Type& type = x.type(where);
  const size_t width = row_bytes(type);
  const std::byte* from = bytes_of(x, where);
  const Type result{type.dtype, type.shape.with(0, static_cast<int64_t>(items.size()))};
  const BufferPtr to = Buffer::allocate(result.bytes());
  for (size_t i = 0; i < items.size() && width > 0; ++i) {
    std::memcpy(to->as<std::byte>() + i * width, from + static_cast<size_t>(items[i]) * width,
                width);
  }
  return wrap_buffer(interned(result), to, where);
}

Tensor kept(const Tensor& x, int64_t first, int64_t end, SourcePos where) {
  const Type& type = x.type(where);
  const BufferPtr& whole = buffer_of(kOp, x, where);
  const size_t offset = static_cast<size_t>(first) * row_bytes(type);
  const Type result{type.dtype, type.shape.with(0, end - first)};
  if (offset % Buffer::kAlignment != 0) {
    const BufferPtr to = Buffer::allocate(result.bytes());
    if (result.bytes() > 0)
      std::memcpy(to->data(), whole->as<std::byte>() + offset, result.bytes());
    return wrap_buffer(interned(result), to, where);
  }
  // The holder keeps the whole alive; a reference more also keeps it from being donated.
  BufferPtr part =
      Buffer::borrow(whole->as<std::byte>() + offset, result.bytes(), [whole = whole] {});
  return wrap_buffer(interned(result), std::move(part), where);
}

}  // namespace

int64_t count_rows(TreeRef tree, SourcePos where) {
  const std::vector<Tensor*> leaves = leaves_of(tree);
  if (leaves.empty()) {
    throw ValueError({kOp, "a data set without tensors; got a tree with no leaves", where,
                      "give a tree with a tensor at least"});
  }
  const auto reject = [&](size_t leaf, const std::string& expected) {
    throw ShapeError(
        {kOp,
         fmt::format("no set of items; got {} at {}, expected {}",
                     to_string(leaves[leaf]->type(where)), path_of(tree, leaf), expected),
         where, "give leaves whose first axis counts the items"});
  };
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i]->rank(where) == 0) reject(i, "a first axis");
    bytes_of(*leaves[i], where);  // concrete
    const int64_t count = leaves[0]->shape()[0];
    if (leaves[i]->shape()[0] != count)
      reject(i, fmt::format("{} items as at {}", count, path_of(tree, 0)));
  }
  return leaves[0]->shape()[0];
}

void take_rows(TreeRef tree, std::span<const int64_t> items, SourcePos where) {
  const int64_t count = count_rows(tree, where);
  for (const int64_t i : items) {
    if (i >= 0 && i < count) continue;
    throw ValueError(
        {kOp, fmt::format("an item that is not there; got {}, expected 0 to {}", i, count - 1),
         where, "give indices of items"});
  }
  if (!items.empty() && are_consecutive(items)) {
    return keep_rows(tree, items.front(), items.back() + 1, where);
  }
  for (Tensor* leaf : leaves_of(tree))
    *leaf = taken(*leaf, items, where);
}

void keep_rows(TreeRef tree, int64_t first, int64_t end, SourcePos where) {
  const int64_t count = count_rows(tree, where);
  if (first < 0 || first > end || end > count) {
    throw ValueError({kOp, fmt::format("no part of {} items; got {} to {}", count, first, end),
                      where, "give bounds with 0 <= first <= end <= the number of items"});
  }
  for (Tensor* leaf : leaves_of(tree))
    *leaf = kept(*leaf, first, end, where);
}

std::vector<int64_t> ends_of_parts(int64_t rows, std::span<const int64_t> counts, SourcePos where) {
  std::vector<int64_t> ends;
  int64_t end = 0;
  for (const int64_t count : counts) {
    if (count < 0 || count > rows - end) {
      throw ValueError(
          {kOp,
           fmt::format("no part of {} items behind the first {}; got {} in all", count, end, rows),
           where, "give sizes of parts whose sum is at most the number of items"});
    }
    ends.push_back(end += count);
  }
  return ends;
}

int64_t count_of_fraction(int64_t rows, double fraction, SourcePos where) {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw ValueError({kOp, fmt::format("no fraction; got {}, expected 0 to 1", fraction), where,
                      "give the share of the first part, or its size to split_at"});
  }
  return std::llround(fraction * static_cast<double>(rows));
}

void stack_trees(TreeRef result, std::span<const TreeRef> trees, SourcePos where) {
  if (trees.empty()) {
    throw ValueError({kOp, "nothing to stack; got no samples", where, "give one sample at least"});
  }
  for (size_t k = 1; k < trees.size(); ++k)
    gradus::detail::expect_same_structure(kOp, trees[0], trees[k], k, where);
  std::vector<std::vector<Tensor*>> leaves;
  for (const TreeRef& tree : trees)
    leaves.push_back(leaves_of(tree));
  const std::vector<Tensor*> results = leaves_of(result);
  for (size_t i = 0; i < results.size(); ++i) {
    const Type type = leaves[0][i]->type(where);
    const Type stacked{type.dtype, type.shape.with_inserted(0, static_cast<int64_t>(trees.size()))};
    const BufferPtr to = Buffer::allocate(stacked.bytes());
    for (size_t k = 0; k < trees.size(); ++k) {
      const Tensor& sample = *leaves[k][i];
      if (sample.type(where) != type) {
        const Message message{
            kOp,
            fmt::format("samples of different types at {}; got {} in sample {}, "
                        "expected {}",
                        path_of(trees[0], i), to_string(sample.type()), k, to_string(type)),
            where, "bring the samples to one shape and type first"};
        if (sample.dtype() != type.dtype) throw DTypeError(message);
        throw ShapeError(message);
      }
      const std::byte* from = bytes_of(sample, where);
      if (type.bytes() > 0) std::memcpy(to->as<std::byte>() + k * type.bytes(), from, type.bytes());
    }
    *results[i] = wrap_buffer(interned(stacked), to, where);
  }
}

}  // namespace gradus::data::detail
