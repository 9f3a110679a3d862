// A float parameter would be compiled in.
// error: use Tensor (a run-time value) or Static<float>
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor& x, float rate) { return x * rate; });
gradus::Tensor y = f(gradus::ones({2}), 0.5f);
