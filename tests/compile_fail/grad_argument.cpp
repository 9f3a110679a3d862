// error: there is no such argument
#include <gradus/gradus.h>

auto f = gradus::grad<1>([](const gradus::Tensor& x) { return x; });
auto y = f(gradus::Tensor(1.0f));
