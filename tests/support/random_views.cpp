#include "tests/support/random_views.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "compiler/ops/build.h"

namespace gradus::testing {

using ir::Builder;
using ir::Ints;
using ir::Value;

namespace {

class RandomViews {
 public:
  explicit RandomViews(uint32_t seed) : random_(seed) {}

  ir::Graph make(int nodes) {
    const Shape shapes[] = {{12}, {3, 4}, {2, 3, 2}, {6, 2}, {8, 3}, {24}, {}, {1, 6}, {5}};
    for (int i = 0; i < 4; ++i) {
      values_.push_back(b_.parameter({DType::F64, shapes[below(std::size(shapes))]}));
    }
    values_.push_back(b_.splat({DType::F64, shapes[below(std::size(shapes))]}, 0));
    values_.push_back(b_.splat({DType::F64, shapes[below(std::size(shapes))]}, 1.5));
    values_.push_back(ops::iota(b_, {DType::F64, shapes[below(6)]}, 0));
    for (int i = 0; i < nodes; ++i) {
      const Value v = node();
      if (b_.type(v).elements() <= 200) values_.push_back(v);
    }
    std::vector<Value> outputs;
    for (int i = 0; i < 3; ++i)
      outputs.push_back(values_[values_.size() - 1 - below(4)]);
    return b_.finish(outputs);
  }

 private:
  int below(int64_t n) {
    return std::uniform_int_distribution<int>(0, static_cast<int>(n) - 1)(random_);
  }
  Value any() {
    // Late values more often, so that chains grow long.
    const int n = static_cast<int>(values_.size());
    return values_[std::max(below(n), below(n))];
  }

  Value node() {
    Value x = any();
    switch (below(16)) {
      case 0:
      case 1:
        return reshape(x);
      case 2:
        return transpose(x);
      case 3:
        return broadcast(x);
      case 4:
        return slice(x);
      case 5:
        return below(2) ? slice(x) : windows(x);
      case 6:
      case 7:
        return pad(x);
      case 8:
        return reverse(x);
      case 9:
        return concatenate(x);
      case 10:
        return reduce(x);
      case 11:
        return dot(x);
      case 12:
        return gather(x);
      case 13:
        return scatter(x);
      default:
        return elementwise(x);
    }
  }

  Value reshape(Value x) {
    int64_t rest = b_.type(x).elements();
    Ints extents;
    while (rest > 1 && extents.size() < 3) {
      Ints factors;
      for (int64_t f = 1; f <= rest; ++f) {
        if (rest % f == 0) factors.push_back(f);
      }
      extents.push_back(factors[below(factors.size())]);
      rest /= extents.back();
    }
    extents.insert(extents.begin() + below(extents.size() + 1), rest);
    return ops::reshape(b_, x, Shape(extents));
  }

  Value windows(Value x) {
    const Shape shape = b_.type(x).shape;
    if (shape.rank() == 0 || shape.rank() > 3) return x;
    const int axis = below(shape.rank());
    const int64_t extent = shape[axis];
    if (extent == 0) return x;
    const int64_t taps = 1 + below(extent);
    const int64_t dilation = taps == 1 ? 1 : 1 + below((extent - 1) / (taps - 1));
    return ops::windows(b_, x, axis, taps, 1 + below(3), dilation);
  }

  Value transpose(Value x) {
    Ints perm(b_.type(x).rank());
    std::iota(perm.begin(), perm.end(), 0);
    std::ranges::shuffle(perm, random_);
    return ops::transpose(b_, x, perm);
  }

  Value broadcast(Value x) {
    const Shape shape = b_.type(x).shape;
    if (shape.rank() > 3) return x;
    const int at = below(shape.rank() + 1);
    Ints dims;
    for (int d = 0; d < shape.rank(); ++d)
      dims.push_back(d + (d >= at));
    return ops::broadcast(b_, x, shape.with_inserted(at, 1 + below(3)), dims);
  }

  Value slice(Value x) {
    Ints start, limit, stride;
    for (int64_t e : b_.type(x).shape) {
      start.push_back(below(std::max<int64_t>(e, 1)));
      if (below(3) > 0) start.back() = 0;
      limit.push_back(e == 0 ? 0 : start.back() + 1 + below(e - start.back()));
      stride.push_back(1 + below(2));
    }
    return ops::slice(b_, x, start, limit, stride);
  }

  Value pad(Value x) {
    Ints low, high, interior;
    for (int64_t e : b_.type(x).shape) {
      low.push_back(below(4) - 1);
      high.push_back(below(4) - 1);
      interior.push_back(below(4) == 0 ? 1 : 0);
      if (e + low.back() + high.back() < 1) low.back() = high.back() = 1;
    }
    Value fill = b_.splat({DType::F64, {}}, below(3));
    if (below(4) == 0) {
      const Value y = any();
      Ints all(b_.type(y).rank());
      std::iota(all.begin(), all.end(), 0);
      fill = ops::reduce_max(b_, y, all);
    }
    return ops::pad(b_, x, fill, low, high, interior);
  }

  Value reverse(Value x) {
    if (b_.type(x).rank() == 0) return x;
    return ops::reverse(b_, x, {below(b_.type(x).rank())});
  }

  Value concatenate(Value x) {
    if (b_.type(x).rank() == 0) return x;
    const int dim = below(b_.type(x).rank());
    std::vector<Value> pieces{x};
    for (int i = 0; i < 2; ++i) {
      const Shape other = b_.type(x).shape.with(dim, 1 + below(3));
      pieces.push_back(below(3) == 0 ? b_.splat({DType::F64, other}, i) : like(other));
    }
    std::ranges::shuffle(pieces, random_);
    return ops::concatenate(b_, pieces, dim);
  }

  /// Some value of that shape.
  Value like(Shape shape) {
    for (int i = 0; i < 8; ++i) {
      const Value y = any();
      if (b_.type(y).shape == shape) return y;
      if (b_.type(y).elements() == shape.elements()) return ops::reshape(b_, y, shape);
    }
    const Value y = any();
    Ints all(b_.type(y).rank());
    std::iota(all.begin(), all.end(), 0);
    return ops::broadcast(b_, ops::reduce_max(b_, y, all), shape, {});
  }

  Value reduce(Value x) {
    Ints axes;
    for (int d = 0; d < b_.type(x).rank(); ++d) {
      if (below(2) == 0) axes.push_back(d);
    }
    switch (below(4)) {
      case 0:
        return ops::reduce_max(b_, x, axes);
      case 1:
        if (axes.empty()) return x;
        return ops::convert(b_, ops::argmax(b_, x, static_cast<int>(axes[0])), DType::F64);
      default:
        return ops::reduce_sum(b_, x, axes);
    }
  }

  Value dot(Value x) {
    if (b_.type(x).rank() == 0) return x;
    const int64_t inner = b_.type(x).shape[b_.type(x).rank() - 1];
    const Value y = like({inner, 1 + below(3)});
    return ops::dot(b_, x, y, {{b_.type(x).rank() - 1}, {0}, {}, {}});
  }

  Value indices(int64_t extent) {
    const Value raw = ops::convert(b_, like({1 + below(4)}), DType::I32);
    // In range: the reference and schedules clamp or drop alike, and both are tried.
    return below(2) == 0 ? raw : ops::rem(b_, raw, ops::constant_like(b_, raw, double(extent)));
  }

  Value gather(Value x) {
    if (b_.type(x).rank() == 0) return x;
    const int axis = below(b_.type(x).rank());
    return ops::gather(b_, x, indices(b_.type(x).shape[axis]), axis);
  }

  Value scatter(Value x) {
    if (b_.type(x).rank() == 0) return x;
    const int axis = below(b_.type(x).rank());
    const Value at = indices(b_.type(x).shape[axis]);
    const Value updates = like(b_.type(x).shape.with(axis, b_.type(at).shape[0]));
    return ops::scatter_add(b_, below(2) == 0 ? x : ops::zeros_like(b_, x), at, updates, axis);
  }

  Value elementwise(Value x) {
    const Value y = like(b_.type(x).shape);
    switch (below(4)) {
      case 0:
        return ops::mul(b_, x, y);
      case 1:
        return ops::select(b_, ops::gt(b_, x, y), x, ops::tanh(b_, y));
      case 2:
        return ops::max(b_, ops::tanh(b_, x), y);
      default:
        return ops::add(b_, x, y);
    }
  }

  Builder b_;
  std::mt19937 random_;
  std::vector<Value> values_;
};

}  // namespace

ir::Graph random_views(uint32_t seed, int nodes) {
  return RandomViews(seed).make(nodes);
}

}  // namespace gradus::testing
