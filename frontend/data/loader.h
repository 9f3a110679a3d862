// Batches of anything that can be indexed: item by item through a transform, then collated.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <gradus/data/batches.h>
#include <gradus/runtime/error.h>

namespace gradus::data {

namespace detail {
void check_order(const std::vector<int64_t>& order, int64_t items);

template <class Dataset, class Transform, class Collate>
struct LoaderTypes {
  using Item = decltype(std::declval<const Dataset&>()[int64_t{}]);
  using Sample = std::remove_cvref_t<std::invoke_result_t<const Transform&, Item>>;
  using Batch = std::remove_cvref_t<std::invoke_result_t<const Collate&, std::span<const Sample>>>;
};
}  // namespace detail

/// Walks `dataset` (anything with size() and operator[](int64_t)) in batches. `transform` turns an
/// item into a sample, `collate` a span of samples into a batch.
///
///     for (auto& [images, labels] : Loader(mnist.train, 128, flatten, collate)) …
///
/// All that Batches has: epochs, map, prefetch. Throws ValueError for a batch size below 1.
template <class Dataset, class Transform, class Collate>
class Loader : public Batches<typename detail::LoaderTypes<Dataset, Transform, Collate>::Batch> {
  using Types = detail::LoaderTypes<Dataset, Transform, Collate>;

 public:
  using Item = typename Types::Item;
  using Sample = typename Types::Sample;
  using Batch = typename Types::Batch;

  Loader(Dataset dataset, int64_t batch_size, Transform transform, Collate collate)
      : Loader(std::move(dataset), Batching{.size = batch_size}, std::move(transform),
               std::move(collate)) {}
  Loader(Dataset dataset, Batching batching, Transform transform, Collate collate)
      : Loader(std::make_shared<const Parts>(
                   Parts{std::move(dataset), std::move(transform), std::move(collate)}),
               std::move(batching)) {}

  /// Later walks visit these items in this order, in every epoch: a permutation, a part, or
  /// repetitions. Throws ValueError for an index that the data set does not have.
  void set_order(std::vector<int64_t> order) {
    detail::check_order(order, this->plan_.items);
    this->plan_.batching.order = Order::fixed(std::move(order));
  }

 private:
  struct Parts {
    Dataset dataset;
    Transform transform;
    Collate collate;
  };
  using Make = typename Batches<Batch>::Make;

  Loader(std::shared_ptr<const Parts> parts, Batching batching)
      : Batches<Batch>(static_cast<int64_t>(parts->dataset.size()), std::move(batching), [parts] {
          // The memory of the samples serves every batch of a walk.
          return Make([parts, samples = std::vector<Sample>()](
                          std::span<const int64_t> items) mutable -> Batch {
            samples.clear();
            for (const int64_t i : items)
              samples.push_back(parts->transform(parts->dataset[i]));
            return parts->collate(std::span<const Sample>(samples));
          });
        }) {}
};

}  // namespace gradus::data
