// Batches of a data set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <gradus/runtime/error.h>

namespace gradus::data {

namespace detail {
[[noreturn]] void fail_batch_size(int64_t got);
[[noreturn]] void fail_order(int64_t index, int64_t items);
}  // namespace detail

/// Walks `dataset` (anything with size() and operator[](int64_t)) in batches, the last of which may
/// be smaller. `transform` turns an item into a sample, `collate` a span of samples into a batch;
/// items come in the order of the data set, or in the one given.
///
///     for (auto [images, labels] : Loader(mnist.train, 128, flatten, collate)) …
///
/// A batch is made when it is reached, so that memory is bounded by one batch. Throws ValueError
/// for a batch size below 1.
template <class Dataset, class Transform, class Collate>
class Loader {
 public:
  using Item = decltype(std::declval<const Dataset&>()[int64_t{}]);
  using Sample = std::remove_cvref_t<std::invoke_result_t<const Transform&, Item>>;
  using Batch = std::invoke_result_t<const Collate&, std::span<const Sample>>;

  Loader(Dataset dataset, int64_t batch_size, Transform transform, Collate collate)
      : dataset_(std::move(dataset)),
        batch_size_(batch_size),
        transform_(std::move(transform)),
        collate_(std::move(collate)) {
    if (batch_size < 1) detail::fail_batch_size(batch_size);
  }

  /// How many items a walk visits, and in how many batches.
  int64_t items() const {
    return has_order_ ? static_cast<int64_t>(order_.size()) : static_cast<int64_t>(dataset_.size());
  }
  int64_t batches() const { return (items() + batch_size_ - 1) / batch_size_; }

  /// Later walks visit these items in this order: a permutation, a part, or repetitions. Throws
  /// ValueError for an index that the data set does not have.
  void set_order(std::vector<int64_t> order) {
    for (int64_t i : order) {
      if (i < 0 || i >= static_cast<int64_t>(dataset_.size())) {
        detail::fail_order(i, static_cast<int64_t>(dataset_.size()));
      }
    }
    order_ = std::move(order);
    has_order_ = true;
  }

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    Batch operator*() { return loader_->batch(index_, samples_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    void operator++(int) { ++index_; }
    bool operator==(std::default_sentinel_t) const { return index_ >= loader_->batches(); }

   private:
    friend class Loader;
    explicit Iterator(const Loader* loader) : loader_(loader) {}
    const Loader* loader_;
    int64_t index_ = 0;
    std::vector<Sample> samples_;  // its memory serves every batch
  };

  Iterator begin() const { return Iterator(this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  Batch batch(int64_t index, std::vector<Sample>& samples) const {
    int64_t first = index * batch_size_;
    int64_t last = std::min(first + batch_size_, items());
    samples.clear();
    for (int64_t i = first; i < last; ++i) {
      samples.push_back(transform_(dataset_[has_order_ ? order_[static_cast<size_t>(i)] : i]));
    }
    return collate_(std::span<const Sample>(samples));
  }

  Dataset dataset_;
  int64_t batch_size_;
  Transform transform_;
  Collate collate_;
  std::vector<int64_t> order_;
  bool has_order_ = false;
};

}  // namespace gradus::data
