#include "tests/support/random_graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ops/axes.h"
#include "compiler/ops/build.h"

namespace gradus::testing {

using ir::Builder;
using ir::Ints;
using ir::Value;

namespace {

class Maker {
 public:
  Maker(Random& random, const RandomGraphOptions& options)
      : random_(random), options_(options), b_("random") {}

  ir::Graph run() {
    for (int i = 0; i < options_.inputs; ++i) {
      pool_.push_back(b_.parameter({options_.dtype, random_shape()}, fmt::format("x{}", i)));
    }
    for (int i = 0; i < options_.nodes; ++i)
      step();
    Value sum;
    for (size_t i = 0; i < 4; ++i) {
      const Value part = total(i == 0 ? pool_.back() : any());
      sum = sum ? ops::add(b_, sum, part) : part;
    }
    const Value array = pool_.back();
    std::vector outputs{sum, array};
    if (b_.type(array).rank() > 0) outputs.push_back(ops::argmax(b_, array, 0));
    return b_.finish(outputs, {"sum", "array", "where"});
  }

 private:
  using Step = void (Maker::*)();

  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool coin() { return random_() & 1; }
  Value any() { return pool_[static_cast<size_t>(below(static_cast<int64_t>(pool_.size())))]; }
  int rank(Value v) { return b_.type(v).rank(); }
  Shape shape(Value v) { return b_.type(v).shape; }

  int64_t random_extent() {
    return options_
        .extents[static_cast<size_t>(below(static_cast<int64_t>(options_.extents.size())))];
  }

  Shape random_shape() {
    Ints extents;
    for (int64_t d = below(4); d > 0; --d)
      extents.push_back(random_extent());
    Shape shape(extents);
    while (shape.elements() > options_.most_elements) {
      extents.pop_back();
      shape = Shape(extents);
    }
    return shape;
  }

  Ints random_axes(int rank) {
    Ints axes;
    for (int64_t d = 0; d < rank; ++d) {
      if (coin()) axes.push_back(d);
    }
    return axes;
  }

  Ints random_permutation(int rank) {
    Ints perm = ops::all_axes(rank);
    std::ranges::shuffle(perm, random_);
    return perm;
  }

  Value total(Value v) { return ops::reduce_sum(b_, v, ops::all_axes(rank(v))); }

  /// A value of that shape: one of the pool, else a scalar from it everywhere.
  Value like(const Shape& wanted) {
    std::vector<Value> same;
    for (Value v : pool_) {
      if (shape(v) == wanted) same.push_back(v);
    }
    if (same.size() > 1 || (same.size() == 1 && coin())) {
      return same[static_cast<size_t>(below(static_cast<int64_t>(same.size())))];
    }
    return ops::broadcast(b_, ops::sin(b_, total(any())), wanted, {});
  }

  void step() {
    static constexpr Step steps[] = {
        &Maker::unary,       &Maker::binary,  &Maker::binary,    &Maker::choice, &Maker::reduce,
        &Maker::transpose,   &Maker::reshape, &Maker::broadcast, &Maker::slice,  &Maker::pad,
        &Maker::concatenate, &Maker::reverse, &Maker::dot,       &Maker::dot,    &Maker::gather,
        &Maker::call_graph,  &Maker::windows};
    (this->*steps[random_() % std::size(steps)])();
    const Value v = pool_.back();
    // Values stay small, in number and in size.
    if (b_.type(v).elements() > options_.most_elements) {
      pool_.back() = ops::reduce_sum(b_, v, {0});
    }
    pool_.back() = coin() ? pool_.back() : ops::tanh(b_, pool_.back());
  }

  void unary() {
    const Value x = any();
    switch (below(8)) {
      case 0:
        return pool_.push_back(ops::sin(b_, x));
      case 1:
        return pool_.push_back(ops::cos(b_, x));
      case 2:
        return pool_.push_back(ops::logistic(b_, x));
      case 3:
        return pool_.push_back(ops::erf(b_, x));
      case 4:
        return pool_.push_back(ops::exp(b_, ops::sin(b_, x)));
      case 5:
        return pool_.push_back(ops::log1p(b_, ops::mul(b_, x, x)));
      case 6:
        return pool_.push_back(ops::neg(b_, x));
      default:
        return pool_.push_back(
            ops::sqrt(b_, ops::add(b_, ops::mul(b_, x, x), ops::constant_like(b_, x, 1))));
    }
  }

  void binary() {
    const Value x = any(), y = like(shape(x));
    switch (below(6)) {
      case 0:
        return pool_.push_back(ops::add(b_, x, y));
      case 1:
        return pool_.push_back(ops::sub(b_, x, y));
      case 2:
        return pool_.push_back(ops::mul(b_, ops::sin(b_, x), y));
      case 3:
        return pool_.push_back(
            ops::div(b_, x, ops::add(b_, ops::sin(b_, y), ops::constant_like(b_, y, 2))));
      case 4:
        return pool_.push_back(ops::pow(
            b_, ops::add(b_, ops::sin(b_, x), ops::constant_like(b_, x, 1.5)), ops::sin(b_, y)));
      default:
        return pool_.push_back(ops::add(b_, ops::mul(b_, ops::constant_like(b_, x, 0.25), x), y));
    }
  }

  void choice() {
    const Value x = any(), y = like(shape(x));
    switch (below(3)) {
      case 0:
        return pool_.push_back(ops::max(b_, x, y));
      case 1:
        return pool_.push_back(ops::min(b_, x, y));
      default:
        return pool_.push_back(ops::select(b_, ops::lt(b_, x, y), ops::sin(b_, x), like(shape(x))));
    }
  }

  void reduce() {
    const Value x = any();
    const Ints axes = random_axes(rank(x));
    switch (below(6)) {
      case 4:
        if (rank(x) == 0) return pool_.push_back(x);
        return pool_.push_back(ops::first_max(b_, x, static_cast<int>(below(rank(x)))));
      case 5:
        return pool_.push_back(ops::moments(b_, x, axes)[static_cast<size_t>(below(2))]);
      case 0:
        return pool_.push_back(ops::reduce_max(b_, x, axes));
      case 1:
        return pool_.push_back(ops::reduce_min(b_, x, axes));
      case 2:
        return pool_.push_back(ops::reduce_prod(b_, x, axes));
      default:
        return pool_.push_back(ops::reduce_sum(b_, x, axes));
    }
  }

  void transpose() {
    const Value x = any();
    pool_.push_back(ops::transpose(b_, x, random_permutation(rank(x))));
  }

  /// Merges two neighbours, or splits off an extent of 1.
  void reshape() {
    const Value x = any();
    const Shape from = shape(x);
    Ints to(from.begin(), from.end());
    if (from.rank() >= 2 && coin()) {
      const auto d = static_cast<size_t>(below(from.rank() - 1));
      to[d] *= to[d + 1];
      to.erase(to.begin() + static_cast<std::ptrdiff_t>(d) + 1);
    } else if (from.rank() < 4) {
      to.insert(to.begin() + below(from.rank() + 1), 1);
    }
    pool_.push_back(ops::reshape(b_, x, Shape(to)));
  }

  void broadcast() {
    const Value x = any();
    if (rank(x) > 3) return pool_.push_back(x);
    const auto axis = static_cast<int>(below(rank(x) + 1));
    pool_.push_back(ops::insert_axis(b_, x, axis, random_extent()));
  }

  void slice() {
    const Value x = any();
    Ints start, limit, stride;
    for (int64_t extent : shape(x)) {
      start.push_back(below(extent));
      limit.push_back(start.back() + 1 + below(extent - start.back()));
      stride.push_back(1 + below(2));
    }
    pool_.push_back(ops::slice(b_, x, start, limit, stride));
  }

  void pad() {
    const Value x = any();
    Ints low, high, interior;
    for (int64_t extent : shape(x)) {
      low.push_back(below(3) - (extent > 1));
      high.push_back(below(2));
      interior.push_back(below(2));
    }
    pool_.push_back(ops::pad(b_, x, total(any()), low, high, interior));
  }

  void concatenate() {
    const Value x = any();
    if (rank(x) == 0) return pool_.push_back(x);
    const std::vector pieces{x, like(shape(x)), x};
    pool_.push_back(ops::concatenate(b_, pieces, static_cast<int>(below(rank(x)))));
  }

  void windows() {
    const Value x = any();
    if (rank(x) == 0 || rank(x) > 3) return pool_.push_back(x);
    const auto axis = static_cast<int>(below(rank(x)));
    const int64_t extent = shape(x)[axis], taps = 1 + below(extent);
    const int64_t dilation = taps == 1 ? 1 : 1 + below((extent - 1) / (taps - 1));
    pool_.push_back(ops::windows(b_, x, axis, taps, 1 + below(3), dilation));
  }

  void reverse() {
    const Value x = any();
    pool_.push_back(ops::reverse(b_, x, random_axes(rank(x))));
  }

  /// Axes of equal extent are paired at random: contracted, batched, or left.
  void dot() {
    const Value x = any(), y = any();
    ops::DotDims dims;
    std::vector<bool> taken(static_cast<size_t>(rank(y)));
    for (int64_t i : random_permutation(rank(x))) {
      for (int64_t j : random_permutation(rank(y))) {
        const auto k = static_cast<size_t>(j);
        if (taken[k] || shape(x)[static_cast<int>(i)] != shape(y)[static_cast<int>(j)]) continue;
        const int64_t role = below(4);
        if (role == 3) break;
        taken[k] = true;
        (role == 2 ? dims.lhs_batch : dims.lhs_contract).push_back(i);
        (role == 2 ? dims.rhs_batch : dims.rhs_contract).push_back(j);
        break;
      }
    }
    int64_t points = b_.type(x).elements();
    for (int j = 0; j < rank(y); ++j) {
      if (!taken[static_cast<size_t>(j)]) points *= shape(y)[j];
    }
    if (points > 64 * options_.most_elements) return pool_.push_back(x);
    pool_.push_back(ops::tanh(b_, ops::dot(b_, x, y, dims)));
  }

  /// Rows at indices that are data.
  void gather() {
    const Value x = any();
    if (rank(x) == 0) return pool_.push_back(x);
    const Value y = any();
    const Value index =
        ops::convert(b_, ops::sin(b_, ops::mul(b_, y, ops::constant_like(b_, y, 9))), DType::I32);
    pool_.push_back(ops::gather(b_, x, index, static_cast<int>(below(rank(x)))));
    while (rank(pool_.back()) > 4)
      pool_.back() = ops::reduce_sum(b_, pool_.back(), {0});
  }

  void call_graph() {
    const Value x = any(), y = any();
    if (options_.call_depth == 0) return pool_.push_back(ops::sin(b_, x));
    RandomGraphOptions inner = options_;
    inner.inputs = 2;
    inner.nodes = 4;
    --inner.call_depth;
    Maker maker(random_, inner);
    maker.pool_ = {maker.b_.parameter(b_.type(x), "x"), maker.b_.parameter(b_.type(y), "y")};
    for (int i = 0; i < inner.nodes; ++i)
      maker.step();
    const Value result = maker.pool_.back();
    const auto body = std::make_shared<const ir::Graph>(maker.b_.finish({&result, 1}));
    pool_.push_back(ops::call(b_, body, std::vector{x, y})[0]);
  }

  Random& random_;
  RandomGraphOptions options_;
  Builder b_;
  std::vector<Value> pool_;
};

}  // namespace

ir::Graph random_graph(Random& random, const RandomGraphOptions& options) {
  return Maker(random, options).run();
}

}  // namespace gradus::testing
