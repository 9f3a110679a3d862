// Convolution and pooling against PyTorch and JAX (window_golden.py), values and gradients.
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "tests/nn/golden.h"

using namespace gradus;

namespace {

const Golden& golden() {
  static const Golden golden("window_golden.txt");
  return golden;
}

/// y and the gradients of sum(y * ramp(9)), all jitted.
void check_pool(const std::string& name, const Shape& shape,
                const std::function<Tensor(Tensor)>& f) {
  INFO(name);
  const auto loss = [&](Tensor x) {
    const Tensor y = f(x);
    return with_aux(sum(y * constant(ramp(y.shape(), 9))), y);
  };
  const auto run = jit([&](Tensor x) {
    auto [value, gradient, aux] = value_and_grad(loss)(x);
    return std::pair{aux, gradient};
  });
  const auto [y, dx] = run(ramp(shape, 1));
  CHECK(golden().error(name + ".y", y) < 1e-6);
  CHECK(golden().error(name + ".dx", dx) < 1e-6);
}

void check_conv(const std::string& name, const Shape& x_shape, const Shape& w_shape,
                const std::function<Tensor(Tensor, Tensor)>& f) {
  INFO(name);
  const auto loss = [&](Tensor x, Tensor w) {
    const Tensor y = f(x, w);
    return with_aux(sum(y * constant(ramp(y.shape(), 9))), y);
  };
  const auto run = jit([&](Tensor x, Tensor w) {
    auto [value, gradient, aux] = value_and_grad<0, 1>(loss)(x, w);
    return std::tuple{aux, std::get<0>(gradient), std::get<1>(gradient)};
  });
  const auto [y, dx, dw] = run(ramp(x_shape, 1), ramp(w_shape, 2));
  CHECK(golden().error(name + ".y", y) < 1e-5);
  CHECK(golden().error(name + ".dx", dx) < 1e-5);
  CHECK(golden().error(name + ".dw", dw) < 1e-5);
}

}  // namespace

TEST_CASE("convolutions as PyTorch computes them") {
  const auto with = [](ConvOptions options) {
    return [options](Tensor x, Tensor w) { return conv(x, w, options); };
  };
  check_conv("conv1d", {2, 9, 3}, {3, 3, 4}, with({.stride = 2, .padding = 1, .dilation = 2}));
  check_conv("conv2d", {2, 6, 5, 2}, {3, 3, 2, 3}, with({.padding = 1}));
  check_conv("conv2d_strided", {1, 7, 8, 2}, {3, 2, 2, 3},
             with({.stride = {2, 3}, .padding = {0, 1}}));
  check_conv("conv2d_groups", {2, 5, 5, 4}, {2, 3, 2, 6}, with({.groups = 2}));
  check_conv("conv2d_depthwise", {1, 5, 4, 3}, {3, 3, 1, 6}, with({.padding = 1, .groups = 3}));
  check_conv("conv3d", {1, 4, 3, 4, 2}, {2, 2, 3, 2, 2},
             with({.padding = {{1, 1}, {0, 0}, {1, 1}}}));
}

TEST_CASE("transposed convolutions as PyTorch computes them") {
  const auto with = [](ConvTransposeOptions options) {
    return [options](Tensor x, Tensor w) { return conv_transpose(x, w, options); };
  };
  check_conv("transposed1d", {2, 4, 3}, {3, 3, 4},
             with({.stride = 2, .padding = 1, .dilation = 2, .flip = true}));
  check_conv("transposed2d", {1, 3, 4, 2}, {3, 2, 2, 3}, with({.stride = {2, 3}, .flip = true}));
}

TEST_CASE("convolutions with JAX's rules of padding") {
  for (int stride : {1, 2, 3}) {
    check_conv(
        "same" + std::to_string(stride), {1, 7, 6, 2}, {3, 4, 2, 2},
        [stride](Tensor x, Tensor w) { return conv(x, w, {.stride = stride, .padding = "SAME"}); });
    for (const char* rule : {"SAME", "VALID"}) {
      check_conv(std::string("transposed_") + rule + std::to_string(stride), {1, 3, 4, 2},
                 {2, 3, 2, 2}, [stride, rule](Tensor x, Tensor w) {
                   return conv_transpose(x, w, {.stride = stride, .padding = rule});
                 });
    }
  }
}

TEST_CASE("poolings as PyTorch computes them") {
  const auto max = [](Dims window, PoolOptions options) {
    return [=](Tensor x) { return max_pool(x, window, options); };
  };
  const auto avg = [](Dims window, AveragePoolOptions options) {
    return [=](Tensor x) { return avg_pool(x, window, options); };
  };
  check_pool("max2", {2, 6, 4, 2}, max(2, {}));
  check_pool("max2_floor", {2, 7, 7, 2}, max(2, {}));
  check_pool("max3_overlap", {2, 7, 8, 2}, max(3, {.stride = 2, .padding = 1}));
  check_pool("max_dilated", {1, 9, 2}, max(3, {.stride = 1, .dilation = 2}));
  check_pool("max3d", {1, 4, 4, 4, 1}, max({2, 2, 2}, {}));
  check_pool("avg2", {2, 6, 4, 2}, avg(2, {}));
  check_pool("avg3", {2, 7, 8, 2}, avg(3, {.stride = 2, .padding = 1}));
  check_pool("avg3_inside", {2, 7, 8, 2},
             avg(3, {.stride = 2, .padding = 1, .count_padding = false}));
  check_pool("adaptive_max", {1, 7, 5, 2}, [](Tensor x) { return adaptive_max_pool(x, {3, 2}); });
  check_pool("adaptive_avg", {1, 7, 5, 2}, [](Tensor x) { return adaptive_avg_pool(x, {3, 4}); });
  check_pool("adaptive_equal", {1, 6, 4, 2}, [](Tensor x) { return adaptive_avg_pool(x, {3, 2}); });
  check_pool("max_same", {2, 7, 5, 2}, max({3, 2}, {.stride = {2, 2}, .padding = "SAME"}));
}

TEST_CASE("of equal elements the first of a window gets the gradient") {
  const Tensor x = gradus::round(ramp({1, 6, 6, 1}, 3) * 2) / 2;
  const auto f = [](Tensor x) { return max_pool(x, 3, {.stride = 1}); };
  CHECK(golden().error("ties.y", f(x)) == 0);
  const Tensor dx = grad([&](Tensor x) {
    const Tensor y = f(x);
    return sum(y * ramp(y.shape(), 9));
  })(x);
  CHECK(golden().error("ties.dx", dx) < 1e-6);
  const auto by_reduce_window = [](Tensor x) {
    return sum(reduce_window(x, WindowReduction::Max, {1, 2, 1, 1}));
  };
  CHECK(close(grad(by_reduce_window)(ones({1, 3, 1, 1})), {1, 1, 0}));
  CHECK(
      close(grad([](Tensor x) { return sum(min_pool(x, 2)); })(ones({1, 2, 2, 1})), {1, 0, 0, 0}));
  CHECK(close(grad([](Tensor x) {
                return sum(adaptive_max_pool(x, {1, 2}));
              })(ones({1, 2, 3, 1})),
              {1, 1, 0, 0, 0, 0}));
}

TEST_CASE("windows over all axes") {
  const Tensor x = ramp({5, 6}, 1);
  CHECK(golden().error(
            "sum_window.y",
            reduce_window(x, WindowReduction::Sum, {2, 3},
                          {.stride = {2, 1}, .padding = {{1, 0}, {0, 2}}, .dilation = {2, 1}})) <
        1e-6);
  CHECK(golden().error("prod_window.y",
                       reduce_window(x, WindowReduction::Prod, {2, 3}, {.stride = {1, 2}})) < 1e-6);
  CHECK(close(windows(arange(5, DType::F32), 3), {0, 1, 2, 1, 2, 3, 2, 3, 4}));
  CHECK(windows(ones({5, 4}), {2, 1}, {.stride = 2}).shape() == Shape{2, 2, 2, 1});
  CHECK(ints(reduce_window(tensor({3, 1, 2}), WindowReduction::Max, 2)) == std::vector{3, 2});
}

TEST_CASE("the padding of integers and of NaN") {
  CHECK(ints(max_pool(tensor({-5, -3, -4}, {1, 3, 1}), 3, {.stride = 1, .padding = 1})) ==
        std::vector{-3, -3, -3});
  const auto y = floats(max_pool(tensor({NAN, 1.0, 2.0}, {1, 3, 1}), 2, {.stride = 1}));
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 2);
  CHECK(close(avg_pool(tensor({1, 2, 3, 4}, {1, 4, 1}), 4), {2.5}));
}

TEST_CASE("one example at a time, and vmap over examples") {
  const Tensor x = ramp({3, 6, 5, 2}, 1), w = ramp({3, 3, 2, 4}, 2);
  const auto one = [](const Tensor& x, const Tensor& w) {
    return max_pool(relu(conv(x, w, {.padding = 1})), {2, 2});
  };
  CHECK(one(x[0], w).shape() == Shape{3, 2, 4});
  CHECK(close(vmap(one, in_axes(0, none))(x, w), one(x, w), 0));
  const auto overlapping = [](const Tensor& x) {
    return max_pool(x, {3, 3}, {.stride = {2, 2}, .padding = 1});
  };
  CHECK(close(vmap(overlapping)(x), overlapping(x), 0));
  const auto ensemble = vmap(one, in_axes(none, 0));
  const Tensor ws = ramp({2, 3, 3, 2, 4}, 4);
  const Tensor ys = ensemble(x, ws);
  CHECK(close(ys[0], one(x, ws[0])));
  CHECK(close(ys[1], one(x, ws[1])));
}

TEST_CASE("windows side by side are a view and one reduction over one axis") {
  const auto step =
      jit([](Tensor x) { return grad([](Tensor x) { return sum(square(max_pool(x, 2))); })(x); });
  const std::string text = step.graph_text(ones({8, 7, 7, 4}));
  INFO(text);
  CHECK(text.find("windows") == std::string::npos);
  CHECK(text.find("slice(%0){start=[0,0,0,0], limit=[8,6,6,4], stride=[1,1,1,1]}") !=
        std::string::npos);
  CHECK(text.find("{axis=4}: i32[8,3,3,4]") != std::string::npos);  // argmax of the same values
  CHECK(text.find("f32[8,3,3,4,4]") != std::string::npos);
}

TEST_CASE("compiled gradients of poolings of unequal windows, call after call") {
  // What the kernel's gradient reads is computed again beside it, by one thread.
  const Tensor x = random::normal(random::key(2), {6, 5, 4, 8}), w = ramp({2, 2, 8, 4}, 3);
  const auto loss = [](const Tensor& w, const Tensor& x) {
    return sum(square(adaptive_avg_pool(conv_transpose(x, w, {.stride = 2}), {2, 3})));
  };
  const auto step = jit([loss](Tensor w, Tensor x) { return grad(loss)(w, x); });
  const Tensor expected = grad(loss)(w, x), first = step(w, x);
  CHECK(close(first, expected, 1e-4));
  for (int i = 0; i < 10; ++i)
    CHECK(close(step(w, x), first, 0));
}

TEST_CASE("errors of windows say what does not fit") {
  const Tensor x = ones({2, 5, 5, 3}), w = ones({3, 3, 3, 4});
  const auto text = [](auto f) { return message_of<Error>(f); };
  CHECK(text([&] {
          conv(x, ones({3, 3, 2, 4}));
        }) ==
        "[conv] channels do not fit; got f32[2,5,5,3] with 3 channels, kernel f32[3,3,2,4] and 1 "
        "groups, expected 2 channels in and a multiple of 1 out; " +
            here() + "; channels stand last in the data; the kernel is [taps…, in / groups, out]");
  CHECK(text([&] {
          conv(ones({2, 2, 5, 3}), w);
        }) ==
        "[conv] the window does not fit; got a reach of 3 over spatial axis 0 of extent 2 (padded "
        "by 0 and 0), expected at most 2; " +
            here() + "; pad more or take a smaller window");
  CHECK(text([&] {
          conv(ones({5, 3}), w);
        }).find("data and kernel differ in rank") != std::string::npos);
  CHECK(text([&] {
          conv(x, w, {.padding = "same"});
        }).find("got \"same\", expected \"SAME\" or \"VALID\"") != std::string::npos);
  CHECK(text([&] {
          conv(x, w, {.stride = {1, 2, 3}});
        }).find("got 3 numbers, expected 1 or 2") != std::string::npos);
  CHECK(text([&] { conv(x, w, {.stride = 0}); }).find("got 0, expected at least 1") !=
        std::string::npos);
  CHECK(text([&] { max_pool(x, 6); }).find("the window does not fit") != std::string::npos);
  CHECK(text([&] {
          max_pool(x, {2, 2, 2, 2});
        }).find("[max_pool] the window has another number") == 0);
  CHECK(text([&] { max_pool(x, 2, {.padding = 2}); }).find("windows of padding alone") !=
        std::string::npos);
  CHECK(text([&] { conv_transpose(x, w, {.padding = 9}); }).find("nothing is left") !=
        std::string::npos);
}
