// The memory of a const object cannot be given away.
// error: std::move of a const object cannot give its memory away
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor& x) { return x + 1; });
const gradus::Tensor x = gradus::ones({2});
auto y = f(std::move(x));
