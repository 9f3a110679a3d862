// What the frontend's operations make of the primitives: broadcasting, axes, sugar.
#include <catch2/catch_test_macros.hpp>
#include <sstream>

#include "tests/frontend/values.h"

using namespace gradus;

namespace {

const Tensor& matrix() {
  static const Tensor x = tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3});
  return x;
}

}  // namespace

TEST_CASE("operators broadcast as in NumPy") {
  const Tensor x = matrix();
  CHECK(close(x + 1, {2, 3, 4, 5, 6, 7}));
  CHECK(close(10 - x, {9, 8, 7, 6, 5, 4}));
  CHECK(close(x * tensor({1.0, 10.0, 100.0}), {1, 20, 300, 4, 50, 600}));
  CHECK(close(x / tensor({1.0, 2.0}, {2, 1}), {1, 2, 3, 2, 2.5, 3}));
  CHECK((tensor({1.0, 2.0}, {2, 1}) + tensor({1.0, 2.0, 3.0}, {1, 3})).shape() == Shape{2, 3});
  CHECK((ones({4, 1, 3}) + ones({2, 1})).shape() == Shape{4, 2, 3});
  CHECK((ones({0, 3}) + ones({1, 3})).shape() == Shape{0, 3});
  CHECK(close(-x, {-1, -2, -3, -4, -5, -6}));
  Tensor y = x;
  y += 1;
  y *= 2;
  CHECK(close(y, {4, 6, 8, 10, 12, 14}));
  CHECK(close(x, {1, 2, 3, 4, 5, 6}));
}

TEST_CASE("comparisons and logic") {
  const Tensor x = tensor({1.0, 2.0, NAN});
  const auto bools = [](const Tensor& t) { return t.to_vector<bool>(); };
  using Bools = std::vector<uint8_t>;
  CHECK(bools(x == 2) == Bools{0, 1, 0});
  CHECK(bools(x != 2) == Bools{1, 0, 1});
  CHECK(bools(x < 2) == Bools{1, 0, 0});
  CHECK(bools(x <= 2) == Bools{1, 1, 0});
  CHECK(bools(x > 1) == Bools{0, 1, 0});
  CHECK(bools(2 >= x) == Bools{1, 1, 0});
  CHECK(bools((x > 0) & !(x == 1)) == Bools{0, 1, 0});
  CHECK(bools(is_nan(x)) == Bools{0, 0, 1});
  CHECK(bools(is_finite(tensor({1.0, INFINITY, NAN}))) == Bools{1, 0, 0});
  CHECK(any(x == 2).item<bool>());
  CHECK_FALSE(all(x == 2).item<bool>());
  CHECK(close(where(x > 1, x, 0.0), {0, 2, 0}));
}

TEST_CASE("bits") {
  const Tensor x = tensor({1, 6, -8});
  CHECK(ints(x & 4) == std::vector<int32_t>{0, 4, 0});
  CHECK(ints(x | 1) == std::vector<int32_t>{1, 7, -7});
  CHECK(ints(x ^ x) == std::vector<int32_t>{0, 0, 0});
  CHECK(ints(~x) == std::vector<int32_t>{-2, -7, 7});
  CHECK(ints(x << 2) == std::vector<int32_t>{4, 24, -32});
  CHECK(ints(x >> 1) == std::vector<int32_t>{0, 3, -4});
  CHECK(bitcast(Tensor(1.0f), DType::U32).item<uint32_t>() == 0x3f800000u);
}

TEST_CASE("powers") {
  const Tensor x = tensor({-2.0, 0.0, 3.0});
  CHECK(close(gradus::pow(x, 0), {1, 1, 1}));
  CHECK(close(gradus::pow(x, 2), {4, 0, 9}));
  CHECK(close(gradus::pow(x, 3.0), {-8, 0, 27}));
  CHECK(gradus::pow(x, -1).to_vector<float>()[1] == INFINITY);
  CHECK(gradus::pow(tensor({4.0}), -2).to_vector<float>()[0] == 1 / 16.0f);
  CHECK(close(gradus::pow(tensor({4.0}), 0.5), {2}));
  CHECK(ints(gradus::pow(tensor({3}), 4)) == std::vector<int32_t>{81});
}

TEST_CASE("reductions") {
  const Tensor x = matrix();
  CHECK(sum(x).item<float>() == 21);
  CHECK(close(sum(x, 0), {5, 7, 9}));
  CHECK(close(sum(x, -1), {6, 15}));
  CHECK(sum(x, 1, true).shape() == Shape{2, 1});
  CHECK(sum(x, {0, 1}, true).shape() == Shape{1, 1});
  CHECK(close(mean(x, 0), {2.5, 3.5, 4.5}));
  CHECK(close(prod(x, 1), {6, 120}));
  CHECK(close(gradus::max(x, 0), {4, 5, 6}));
  CHECK(gradus::min(x).item<float>() == 1);
  CHECK(close(variance(x, 1), {2 / 3.0f, 2 / 3.0f}));
  CHECK(sum(ones({0, 3})).item<float>() == 0);
  CHECK_THROWS_AS(gradus::max(ones({0, 3})), ShapeError);
  CHECK(gradus::max(ones({0, 3}), 1).shape() == Shape{0});
}

TEST_CASE("argmax and argmin") {
  const Tensor x = tensor({1.0, 5.0, 5.0, 4.0, 0.0, 6.0}, {2, 3});
  CHECK(argmax(x).item<int32_t>() == 5);
  CHECK(ints(argmax(x, 1)) == std::vector<int32_t>{1, 2});
  CHECK(ints(argmin(x, -1)) == std::vector<int32_t>{0, 1});
  CHECK(argmax(x, 1, true).shape() == Shape{2, 1});
}

TEST_CASE("softmax, its logarithm, and logsumexp do not overflow") {
  const Tensor x = tensor({1000.0, 1000.0, -1000.0, 0.0}, {2, 2});
  CHECK(close(softmax(x), {0.5, 0.5, 0, 1}));
  CHECK(close(log_softmax(x), {-std::log(2.0f), -std::log(2.0f), -1000, 0}));
  CHECK(close(logsumexp(x, 1), {1000 + std::log(2.0f), 0}));
  CHECK(logsumexp(tensor({-INFINITY, -INFINITY})).item<float>() == -INFINITY);
  const Tensor slope = grad([](const Tensor& t) { return logsumexp(t); })(tensor({1.0, 1.0}));
  CHECK(close(slope, {0.5, 0.5}));
}

TEST_CASE("products") {
  const Tensor a = matrix(), v = tensor({1.0, 0.0, -1.0});
  CHECK(close(dot(a, v), {-2, -2}));
  CHECK(dot(v, v).item<float>() == 2);
  CHECK(close(matmul(a, transpose(a)), {14, 32, 32, 77}));
  CHECK(matmul(ones({5, 2, 3}), ones({3, 4})).shape() == Shape{5, 2, 4});
  CHECK(matmul(ones({5, 1, 2, 3}), ones({4, 3, 6})).shape() == Shape{5, 4, 2, 6});
  CHECK(matmul(v, ones({4, 3, 6})).shape() == Shape{4, 6});
  CHECK(outer(v, ones({2})).shape() == Shape{3, 2});
  CHECK(tensordot(ones({2, 3, 4}), ones({4, 3, 5}), {1, 2}, {1, 0}).shape() == Shape{2, 5});
  CHECK(ints(dot(tensor({1, 2}), tensor({3, 4}))) == std::vector<int32_t>{11});
}

TEST_CASE("einsum") {
  const Tensor a = matrix();
  CHECK(close(einsum("ij,kj->ik", a, a), {14, 32, 32, 77}));
  CHECK(close(einsum("ij->ji", a), {1, 4, 2, 5, 3, 6}));
  CHECK(close(einsum("ij->", a), {21}));
  CHECK(close(einsum("ij,j", a, tensor({1.0, 1.0, 1.0})), {6, 15}));
  CHECK(einsum("bij,bjk->bik", ones({5, 2, 3}), ones({5, 3, 4})).shape() == Shape{5, 2, 4});
  CHECK(einsum("bij,bjk->kbi", ones({5, 2, 3}), ones({5, 3, 4})).shape() == Shape{4, 5, 2});
  CHECK(close(einsum("ij,ij->i", a, a), {14, 77}));
  CHECK(close(einsum("i,j->", tensor({1.0, 2.0}), tensor({3.0, 4.0})), {21}));
}

TEST_CASE("shapes and axes") {
  const Tensor x = matrix();
  CHECK(reshape(x, {3, -1}).shape() == Shape{3, 2});
  CHECK(close(transpose(x), {1, 4, 2, 5, 3, 6}));
  CHECK(transpose(ones({2, 3, 4}), {2, 0, 1}).shape() == Shape{4, 2, 3});
  CHECK(swap_axes(ones({2, 3, 4}), 0, -1).shape() == Shape{4, 3, 2});
  CHECK(move_axis(ones({2, 3, 4}), 0, 2).shape() == Shape{3, 4, 2});
  CHECK(expand_dims(x, {0, -1}).shape() == Shape{1, 2, 3, 1});
  CHECK(squeeze(ones({1, 2, 1})).shape() == Shape{2});
  CHECK(squeeze(ones({1, 2, 1}), -1).shape() == Shape{1, 2});
  CHECK(broadcast_to(x, {4, 2, 3}).shape() == Shape{4, 2, 3});
  CHECK(close(flip(x, 1), {3, 2, 1, 6, 5, 4}));
  CHECK(close(slice(x, {0, 1}, {2, 3}), {2, 3, 5, 6}));
  CHECK(close(slice(x, {0, 0}, {2, 3}, {1, 2}), {1, 3, 4, 6}));
  CHECK(close(slice_axis(x, 1, -1, 3), {3, 6}));
  CHECK(close(x[1], {4, 5, 6}));
  CHECK(x[-1][0].item<float>() == 4);
  CHECK(close(pad(tensor({1.0, 2.0}), 1, 2, 9.0), {9, 1, 2, 9, 9}));
  CHECK(close(pad(tensor({1.0, 2.0}), -1, 1), {2, 0}));
  CHECK(concatenate({x, x}, 1).shape() == Shape{2, 6});
  CHECK(close(stack({x[0], x[1]}, 1), {1, 4, 2, 5, 3, 6}));
  CHECK(close(take(x, tensor({1, 1, 0})), {4, 5, 6, 4, 5, 6, 1, 2, 3}));
  CHECK(close(take(x, tensor({2, 9}), 1), {3, 3, 6, 6}));
}

TEST_CASE("creation") {
  CHECK(zeros({2, 3}).type() == Type{DType::F32, {2, 3}});
  CHECK(close(full({2}, 0.5), {0.5, 0.5}));
  CHECK(full({2}, 1).dtype() == DType::I32);
  CHECK(full({2}, Tensor(3.0f)).shape() == Shape{2});
  CHECK(ints(arange(4)) == std::vector<int32_t>{0, 1, 2, 3});
  CHECK(ints(iota({2, 2}, 1)) == std::vector<int32_t>{0, 1, 0, 1});
  CHECK(close(linspace(0, 1, 5), {0, 0.25, 0.5, 0.75, 1}));
  CHECK(linspace(0, 0.3, 4).to_vector<float>()[3] == 0.3f);
  CHECK(tensor({{1, 2}, {3, 4}}).type() == Type{DType::F32, {2, 2}});
  CHECK(tensor({true, false}).dtype() == DType::Bool);
  CHECK(tensor(std::vector<double>{1, 2}).dtype() == DType::F64);
  CHECK(close(one_hot(tensor({2, 0, 7}), 3), {0, 0, 1, 1, 0, 0, 0, 0, 0}));
  CHECK(zeros({10000, 10000, 0}).size() == 0);
}

TEST_CASE("conversion") {
  CHECK(ints(astype(tensor({1.9, -1.9, 1e20, NAN}), DType::I32)) ==
        std::vector<int32_t>{1, -1, 2147483647, 0});
  CHECK(astype(tensor({2, 0}), DType::Bool).to_vector<bool>() == std::vector<uint8_t>{1, 0});
}

TEST_CASE("relu, softplus, clamp") {
  const Tensor x = tensor({-1.0, 0.0, 2.0});
  CHECK(close(relu(x), {0, 0, 2}));
  CHECK(close(softplus(tensor({-100.0, 0.0, 100.0})), {0, std::log(2.0f), 100}));
  CHECK(close(clamp(x, -0.5, 1.0), {-0.5, 0, 1}));
  CHECK(close(grad([](const Tensor& t) { return sum(relu(t)); })(x), {0, 0, 1}));
}

TEST_CASE("printing") {
  const auto text = [](const Tensor& x) {
    std::ostringstream out;
    out << x;
    return out.str();
  };
  CHECK(text(Tensor(1.5)) == "f32[] 1.5");
  CHECK(text(tensor({1, 2, 3})) == "i32[3] [1, 2, 3]");
  CHECK(text(matrix()) == "f32[2,3]\n[[1, 2, 3],\n [4, 5, 6]]");
  CHECK(text(tensor({true, false})) == "bool[2] [true, false]");
  CHECK(text(arange(2000)) == "i32[2000] [0, 1, 2, ..., 1997, 1998, 1999]");
  CHECK(text(Tensor()) == "empty");
  std::string traced;
  jit([&](const Tensor& x) {
    traced = text(x);
    return x;
  })(ones({3}));
  CHECK(traced == "traced f32[3]");
}
