#include "frontend/data/order.h"

#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "frontend/data/random_state.h"
#include "frontend/ops.h"
#include "runtime/hash.h"

namespace gradus::data {
namespace {

constexpr const char* kOp = "data";

Order::Indices shared(std::vector<int64_t> indices) {
  return std::make_shared<const std::vector<int64_t>>(std::move(indices));
}

void check_indices(const std::vector<int64_t>& indices, int64_t items) {
  for (int64_t i : indices) {
    if (i >= 0 && i < items) continue;
    throw ValueError({.op = kOp,
                      .what = fmt::format("the order names an item that is not there; got {}, "
                                          "expected 0 to {}",
                                          i, items - 1)});
  }
}

// RandomState's permutations one after another. Epochs come in ascending order as a rule, so the
// state behind the last one is kept; to go back, the sequence starts anew.
class NumpySequence {
 public:
  explicit NumpySequence(uint32_t seed) : seed_(seed), state_(seed) {}

  Order::Indices of_epoch(int64_t epoch, int64_t items) {
    const std::lock_guard lock(mutex_);
    if (epoch < next_epoch_ || items != items_) {
      state_ = RandomState(seed_);
      next_epoch_ = 0;
      items_ = items;
    }
    while (next_epoch_ < epoch) {
      state_.permutation(items);
      ++next_epoch_;
    }
    ++next_epoch_;
    return shared(state_.permutation(items));
  }

 private:
  std::mutex mutex_;
  uint32_t seed_;
  RandomState state_;
  int64_t next_epoch_ = 0;
  int64_t items_ = -1;
};

}  // namespace

Order Order::numpy(uint32_t seed) {
  Order order;
  order.name_ = fmt::format("numpy({})", seed);
  order.draw_ = [sequence = std::make_shared<NumpySequence>(seed)](int64_t epoch, int64_t items) {
    return sequence->of_epoch(epoch, items);
  };
  return order;
}

Order Order::jax(const Tensor& key, random::Stream stream) {
  Order order;
  const auto words = key.item<KeyData>();
  order.name_ = fmt::format("jax({:08x}{:08x}{})", words.hi, words.lo,
                            stream == random::Stream::Original ? ", original" : "");
  order.draw_ = [key, stream](int64_t epoch, int64_t items) {
    const Tensor drawn = random::permutation(random::fold_in(key, epoch), items, stream);
    const std::span<const int32_t> values = drawn.data<int32_t>();
    return shared({values.begin(), values.end()});
  };
  return order;
}

Order Order::fixed(std::vector<int64_t> indices) {
  Order order;
  const auto* bytes = reinterpret_cast<const char*>(indices.data());
  const std::string hash =
      sha256_hex(std::string_view(bytes, indices.size() * sizeof(int64_t))).substr(0, 16);
  order.name_ = fmt::format("fixed({} {})", indices.size(), hash);
  order.fixed_ = shared(std::move(indices));
  order.draw_ = [fixed = order.fixed_](int64_t, int64_t items) {
    check_indices(*fixed, items);
    return fixed;
  };
  return order;
}

Order Order::custom(std::string name,
                    std::function<std::vector<int64_t>(int64_t epoch, int64_t items)> f) {
  Order order;
  order.name_ = std::move(name);
  order.draw_ = [f = std::move(f)](int64_t epoch, int64_t items) {
    std::vector<int64_t> indices = f(epoch, items);
    check_indices(indices, items);
    if (static_cast<int64_t>(indices.size()) != items) {
      throw ValueError({.op = kOp,
                        .what = fmt::format("a custom order visits another number of items; got "
                                            "{}, expected {}",
                                            indices.size(), items),
                        .remedy = "return one index for each item; Order::fixed takes parts"});
    }
    return shared(std::move(indices));
  };
  return order;
}

Order::Indices Order::of_epoch(int64_t epoch, int64_t items) const {
  if (epoch < 0) {
    throw ValueError(
        {.op = kOp,
         .what = fmt::format("no number of an epoch; got {}, expected 0 or more", epoch)});
  }
  return draw_ ? draw_(epoch, items) : nullptr;
}

int64_t Order::length(int64_t items) const {
  return fixed_ ? static_cast<int64_t>(fixed_->size()) : items;
}

}  // namespace gradus::data
