// error: grad needs a function that returns one scalar Tensor
#include <vector>
#include <gradus/gradus.h>

auto f = gradus::grad([](const gradus::Tensor& x) { return std::vector{x, x}; });
auto y = f(gradus::Tensor(1.0f));
