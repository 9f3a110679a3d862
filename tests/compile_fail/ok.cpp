// The one program here that compiles: the others fail for their own reasons.
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor& x, gradus::Static<float> rate, int n) {
  return x * rate.value * n;
});
gradus::Tensor y = f(gradus::ones({2}), gradus::Static<float>{0.5f}, 3);
