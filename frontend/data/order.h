// In which order an epoch visits the items of a data set. An order is a function of the epoch's
// number alone, so that a run which was stopped goes on with the same batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gradus/random.h>
#include <gradus/runtime/error.h>
#include <gradus/tensor.h>

namespace gradus::data {

class Order {
 public:
  using Indices = std::shared_ptr<const std::vector<int64_t>>;

  /// Every epoch as the data set stands.
  Order() = default;
  /// Epoch e is the permutation number e that one numpy.random.RandomState(seed) draws.
  static Order numpy(uint32_t seed);
  /// Epoch e is jax.random.permutation(jax.random.fold_in(key, e), n). The stream is fixed here.
  static Order jax(const Tensor& key, random::Stream stream = random::default_stream());
  /// Every epoch these: a permutation, a part, or repetitions.
  static Order fixed(std::vector<int64_t> indices);
  /// `f(epoch, items)` gives the indices; it may be called on another thread, and must return the
  /// same for the same arguments. `name` tells orders apart when a position is restored.
  static Order custom(std::string name,
                      std::function<std::vector<int64_t>(int64_t epoch, int64_t items)> f);

  /// The indices of an epoch; null: 0, 1, …, items-1. ValueError for an index out of range and for
  /// a negative epoch.
  Indices of_epoch(int64_t epoch, int64_t items) const;
  /// How many items an epoch visits, where that does not depend on the epoch: of `items`.
  int64_t length(int64_t items) const;
  /// "file", "numpy(0)", ….
  const std::string& name() const { return name_; }

 private:
  using Draw = std::function<Indices(int64_t epoch, int64_t items)>;
  std::string name_ = "file";
  Draw draw_;      // none: the file's order
  Indices fixed_;  // of fixed()
};

}  // namespace gradus::data
