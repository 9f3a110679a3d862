// What is written to a T& while tracing would be lost.
// error: a transformed function cannot have a T& parameter
#include <gradus/gradus.h>

auto f = gradus::jit([](gradus::Tensor& x) { return x + 1; });
gradus::Tensor x;
gradus::Tensor y = f(x);
