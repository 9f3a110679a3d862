// The option nan_check: the op where a NaN began is named, with the user's line.
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <string>

#include <gradus/gradus.h>

#include "runtime/options.h"

using namespace gradus;

namespace {

/// What running `f` with the check on throws.
template <class F>
std::string failure_of(F&& f) {
  Options checked = options();
  checked.nan_check = true;
  const ScopedOptions scope(checked);
  try {
    f();
  } catch (const NanError& e) {
    return e.what();
  }
  return "no error";
}

bool holds(const std::string& text, const std::string& part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

std::string line(int n) {
  return "nan_test.cpp:" + std::to_string(n);
}

}  // namespace

TEST_CASE("the first op of a NaN is named, not the one where it shows") {
  int where = 0;
  const auto f = jit([&](const Tensor& x) {
    const Tensor y = exp(x * 2.0f);
    where = __LINE__ + 1;
    const Tensor z = log(y - 2.0f);
    return sum(z * 3.0f) + 1.0f;
  });
  CHECK(is_nan(f(tensor({0.0, 1.0}))).item<bool>());  // without the check it runs on
  const std::string text = failure_of([&] { f(tensor({0.0, 1.0})); });
  holds(text, "[log] the first NaN of jit is made here; got f32[2] of (f32[2])");
  holds(text, line(where));
  CHECK(failure_of([&] { f(tensor({1.0, 1.0})); }) == "no error");
}

TEST_CASE("an infinity that led to the NaN is named too") {
  int where = 0;
  const auto f = jit([&](const Tensor& x) {
    where = __LINE__ + 1;
    const Tensor y = log(x);
    return y * x;
  });
  const std::string text = failure_of([&] { f(zeros({3})); });
  holds(text, "[mul] the first NaN");
  holds(text, "with an infinity from log at ");
  holds(text, line(where));
}

TEST_CASE("NaNs that a where discards are none") {
  const auto f = jit([](const Tensor& x) { return where(x > 0.0f, log(x), 0.0f); });
  CHECK(failure_of([&] { f(tensor({-1.0, 1.0})); }) == "no error");
}

TEST_CASE("NaNs of a derivative, of an argument, of an op outside jit") {
  const auto f = [](const Tensor& x) { return sum(sqrt(x)); };
  const auto root = jit([&](const Tensor& x) { return grad(f)(x) * 0.0f; });
  holds(failure_of([&] { root(zeros({2})); }), "[mul] the first NaN of jit");

  const Tensor bad = full({2}, std::numeric_limits<float>::quiet_NaN());
  const auto twice = jit([](const Tensor& x) { return x * 2.0f; },
                         JitOptions{.name = "twice", .arguments = {"x"}});
  holds(failure_of([&] { twice(bad); }), "[twice] an argument holds a NaN; got f32[2] x");

  holds(failure_of([] { log(Tensor(-1.0f)); }), "[log] the first NaN of log is made here");
}

TEST_CASE("checked arguments keep their values: nothing is donated") {
  const auto f = jit([](Tensor x) { return log(x); });
  Tensor x = tensor({-1.0});
  failure_of([&] { f(std::move(x)); });
  CHECK(x.item<float>() == -1);
}
