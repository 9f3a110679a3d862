// error: too many arguments for the function
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor& x) { return x; });
auto y = f(gradus::Tensor(1.0f), gradus::Tensor(2.0f));
