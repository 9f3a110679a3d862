// A number computed while tracing would be the same for ever.
// error: a jitted function returns tensors, or trees of tensors
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor& x) { return x.rank(); });
auto y = f(gradus::ones({2}));
