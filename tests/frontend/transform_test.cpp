// grad, jvp, vjp, vmap and jit, and what they are when nested.
#include <catch2/catch_test_macros.hpp>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

struct Layer {
  Tensor w, b;
};
using Params = std::vector<Layer>;

Tensor cube(const Tensor& x) {
  return x * x * x;
}

}  // namespace

TEST_CASE("grad of a plain function, of every order") {
  const Tensor x = 2.0f;
  CHECK(grad(cube)(x).item<float>() == 12);
  CHECK(grad(grad(cube))(x).item<float>() == 12);
  CHECK(grad(grad(grad(cube)))(x).item<float>() == 6);
  CHECK(grad(grad(grad(grad(cube))))(x).item<float>() == 0);
}

TEST_CASE("an operation is a function that can be transformed") {
  CHECK(close(grad(gradus::sin)(Tensor(0.5f)), gradus::cos(Tensor(0.5f))));
  CHECK(close(vmap(gradus::sin)(tensor({0.5, 1.0})), gradus::sin(tensor({0.5, 1.0}))));
  CHECK(close(jit(gradus::exp)(tensor({0.5})), gradus::exp(tensor({0.5}))));
  CHECK(close(vmap(gradus::sum)(ones({2, 3})), {3, 3}));
}

TEST_CASE("grad of a tree is a tree") {
  const auto loss = [](const Params& p, const Tensor& x) {
    Tensor y = x;
    for (const Layer& layer : p)
      y = dot(layer.w, y) + layer.b;
    return sum(y * y);
  };
  const Params p = {{ones({2, 3}), zeros({2})}, {ones({1, 2}), tensor({1.0})}};
  const Params g = grad(loss)(p, ones({3}));
  REQUIRE(g.size() == 2);
  CHECK(close(g[1].b, {14}));  // y = 7
  CHECK(close(g[0].b, {14, 14}));
  CHECK(close(g[1].w, {42, 42}));
  CHECK(close(g[0].w, {14, 14, 14, 14, 14, 14}));
}

TEST_CASE("several arguments, the value, and auxiliary results") {
  const auto f = [](const Tensor& x, const Tensor& y, const Tensor& z) { return x * y * z; };
  const auto [dx, dz] = grad<0, 2>(f)(2.0f, 3.0f, 5.0f);
  CHECK(dx.item<float>() == 15);
  CHECK(dz.item<float>() == 6);
  const auto [value, dy] = value_and_grad<1>(f)(2.0f, 3.0f, 5.0f);
  CHECK(value.item<float>() == 30);
  CHECK(dy.item<float>() == 10);
  const auto g = [](const Tensor& x) { return with_aux(x * x, Layer{x + 1, gradus::exp(x)}); };
  const auto [loss, slope, aux] = value_and_grad(g)(Tensor(3.0f));
  CHECK(loss.item<float>() == 9);
  CHECK(slope.item<float>() == 6);
  CHECK(aux.w.item<float>() == 4);
  const auto [only, others] = grad(g)(Tensor(3.0f));
  CHECK(only.item<float>() == 6);
  CHECK(others.w.item<float>() == 4);
}

TEST_CASE("jvp and vjp") {
  const auto f = [](const Tensor& x, const Tensor& y) { return gradus::sin(x) * y; };
  const auto [value, tangent] =
      jvp(f, std::tuple{Tensor(0.5f), Tensor(2.0f)}, std::tuple{Tensor(1.0f), Tensor(10.0f)});
  CHECK(close(value, {2 * std::sin(0.5f)}));
  CHECK(close(tangent, {2 * std::cos(0.5f) + 10 * std::sin(0.5f)}));
  const auto [y, dy] = jvp(cube, Tensor(2.0f), Tensor(1.0f));
  CHECK(dy.item<float>() == 12);

  const auto [primal, pullback] = vjp(f, Tensor(0.5f), Tensor(2.0f));
  CHECK(close(primal, {2 * std::sin(0.5f)}));
  const auto [cx, cy] = pullback(Tensor(3.0f));
  CHECK(close(cx, {6 * std::cos(0.5f)}));
  CHECK(close(cy, {3 * std::sin(0.5f)}));
  const auto [again, unused] = pullback(Tensor(1.0f));
  CHECK(close(again, {2 * std::cos(0.5f)}));

  const auto [out, back, aux] =
      vjp([](const Tensor& x) { return with_aux(x * x, x + 1); }, Tensor(3.0f));
  CHECK(out.item<float>() == 9);
  CHECK(aux.item<float>() == 4);
  CHECK(back(Tensor(1.0f)).item<float>() == 6);
}

TEST_CASE("integers carry no tangent in vjp and jvp") {
  const auto f = [](const Tensor& x, const Tensor& i) { return take(x, i); };
  const auto [y, pullback] = vjp(f, tensor({1.0, 2.0, 3.0}), tensor({2, 2}));
  const auto [dx, di] = pullback(tensor({1.0, 10.0}));
  CHECK(close(dx, {0, 0, 11}));
  CHECK(ints(di) == std::vector<int32_t>{0, 0});
}

TEST_CASE("vmap with axes for each argument") {
  const auto f = [](const Tensor& w, const Tensor& x) { return dot(w, x); };
  const Tensor w = tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  const Tensor x = tensor({1.0, 0.0, 0.0, 1.0, 1.0, 1.0}, {2, 3});
  const Tensor rows = vmap(f, in_axes(none, 0))(w, x);
  CHECK(rows.shape() == Shape{2, 2});
  CHECK(close(rows, {1, 4, 6, 15}));
  CHECK(close(vmap(f, in_axes(none, 0), 1)(w, x), {1, 6, 4, 15}));
  CHECK(close(vmap(f, in_axes(none, 1), -1)(w, transpose(x)), {1, 6, 4, 15}));
  CHECK(close(vmap([](const Tensor&) { return Tensor(1.0f); })(x), {1, 1}));
}

TEST_CASE("axes are prefixes of trees") {
  const auto f = [](const Layer& l, const std::vector<Tensor>& xs) {
    return Layer{l.w * xs[0] + l.b, xs[1] * 2};
  };
  const Layer l{tensor({1.0, 2.0}), Tensor(10.0f)};
  const std::vector<Tensor> xs = {tensor({3.0, 4.0}), ones({3, 2})};
  const Layer y = vmap(f, in_axes(axes(0, none), axes(0, 1)), out_axes(axes(0, 1)))(l, xs);
  CHECK(close(y.w, {13, 18}));
  CHECK(y.b.shape() == Shape{3, 2});
}

TEST_CASE("transforms nest in every order") {
  const auto f = [](const Tensor& x) { return sum(gradus::sin(x) * x); };
  const Tensor x = tensor({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, {2, 3});
  const auto slope = [](const Tensor& t) { return gradus::cos(t) * t + gradus::sin(t); };
  CHECK(close(vmap(grad(f))(x), slope(x)));
  CHECK(close(jit(vmap(grad(f)))(x), slope(x)));
  CHECK(close(vmap(jit(grad(jit(f))))(x), slope(x)));
  CHECK(close(grad([&](const Tensor& t) { return sum(vmap(f)(t)); })(x), slope(x)));
  CHECK(close(jit(grad([&](const Tensor& t) { return sum(jit(vmap(f))(t)); }))(x), slope(x)));
  const auto [value, forward] = jvp(grad(f), x, ones({2, 3}));
  CHECK(close(forward, 2 * gradus::cos(x) - x * gradus::sin(x)));
  const auto [v2, hv] = jvp([&](const Tensor& t) { return vmap(grad(f))(t); }, x, ones({2, 3}));
  CHECK(close(hv, forward));
  CHECK(close(vmap(vmap([](const Tensor& a) { return a * 2; }))(x), x * 2));
}

TEST_CASE("perturbations of different levels do not meet") {
  // d/dx (x * d/dy (x + y)) = 1, not 2.
  const auto f = [](const Tensor& x) {
    const auto inner = grad([&](const Tensor& y) { return x + y; });
    return x * inner(Tensor(1.0f));
  };
  CHECK(grad(f)(Tensor(1.0f)).item<float>() == 1);
  const auto [v, t] = jvp(f, Tensor(1.0f), Tensor(1.0f));
  CHECK(t.item<float>() == 1);
  // x * d/dy (x * y * y) at y = x is 2 x^3.
  const auto g = [](const Tensor& x) {
    return x * grad([&](const Tensor& y) { return x * y * y; })(x);
  };
  CHECK(grad(g)(Tensor(2.0f)).item<float>() == 24);
  CHECK(jit(grad(g))(Tensor(2.0f)).item<float>() == 24);
}

TEST_CASE("closure conversion: a captured value is a constant argument") {
  const Tensor x = tensor({0.3, 0.7, 1.1}), c = tensor({2.0, 3.0, 5.0});
  const auto two = [](const Tensor& a, const Tensor& b) {
    return sum(gradus::sin(a) * b + b * b * a);
  };
  const Tensor expected = grad(two)(x, c);
  const auto elementwise = [](const Tensor& a, const Tensor& b) {
    return gradus::sin(a) * b + b * b * a;
  };

  SECTION("one level") {
    const auto one = [&](const Tensor& a) { return two(a, c); };
    CHECK(close(grad(one)(x), expected));
    const auto [v, t] = jvp(one, x, ones({3}));
    CHECK(close(t, sum(expected)));
    const auto [y, back] = vjp(one, x);
    CHECK(close(back(Tensor(1.0f)), expected));
  }
  SECTION("two levels") {
    const auto outer = [&](const Tensor& b) {
      return grad([&](const Tensor& a) { return two(a, b); })(x);
    };
    CHECK(close(outer(c), expected));
    const auto jitted = jit([&](const Tensor& a, const Tensor& b) {
      return grad([&](const Tensor& t) { return two(t, b); })(a);
    });
    CHECK(close(jitted(x, c), expected));
    const auto mapped = vmap(
        [&](const Tensor& s) { return grad([&](const Tensor& a) { return two(a, s * c); })(x); });
    CHECK(close(mapped(ones({2}))[1], expected));
  }
  SECTION("three levels") {
    const auto at = [&](const Tensor& b, const Tensor& points) {
      const auto one = [&](const Tensor& bi, const Tensor& xi) {
        return grad([&](const Tensor& a) { return elementwise(a, bi) + 0 * sum(b); })(xi);
      };
      return vmap(one)(b, points);
    };
    const auto deep = [&](const Tensor& b) { return at(b, x); };
    CHECK(close(deep(c), expected));
    CHECK(close(jit([&](const Tensor& b) { return at(b, constant(x)); })(c), expected));
    const auto [v, t] = jvp(deep, c, ones({3}));
    CHECK(close(t, gradus::cos(x) + 2 * c));
  }
  SECTION("returning the captured value itself") {
    const auto give = [&](const Tensor&) { return c; };
    CHECK(close(vmap(give)(ones({2}))[1], c));
    const auto [v, t] = jvp(give, x, ones({3}));
    CHECK(close(v, c));
    CHECK(close(t, zeros({3})));
    const auto in_jit =
        jit([](const Tensor& b) { return vmap([&](const Tensor&) { return b; })(ones({2})); });
    CHECK(close(in_jit(c)[0], c));
    const auto [y, back] = vjp(give, x);
    CHECK(close(back(ones({3})), zeros({3})));
    const auto summed = grad(
        [](const Tensor& a) { return sum(vmap([&](const Tensor&) { return a; })(ones({2}))); });
    CHECK(close(summed(x), 2 * ones({3})));
  }
}

TEST_CASE("a random key is mapped as one value") {
  const Tensor keys = random::split(random::key(3), 4);
  const Tensor mapped = vmap([](const Tensor& k) { return random::uniform(k, {2}); })(keys);
  CHECK(mapped.shape() == Shape{4, 2});
  for (int i = 0; i < 4; ++i)
    CHECK(close(mapped[i], random::uniform(keys[i], {2}), 0));
  // An unbatched key is one draw for all.
  const Tensor same = vmap([&](const Tensor&) { return random::uniform(keys[0], {2}); })(ones({3}));
  CHECK(close(same[0], same[2], 0));
}

TEST_CASE("the derivative of a power needs no logarithm") {
  const Tensor x = -3.0f;
  CHECK(grad([](const Tensor& t) { return gradus::pow(t, 2); })(x).item<float>() == -6);
  CHECK(grad([](const Tensor& t) { return gradus::pow(t, Tensor(2.0f)); })(x).item<float>() == -6);
}

TEST_CASE("outside jit, new values are no new programs") {
  const auto f = [](const Tensor& x, float rate) {
    return grad([&](const Tensor& t) { return sum(t * t) * rate; })(x);
  };
  CHECK(close(f(ones({3}), 0.5f), ones({3})));
  CHECK(close(f(2 * ones({3}), 0.25f), ones({3})));
}
