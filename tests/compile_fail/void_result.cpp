// error: a jitted function must return a tensor or a tree
#include <gradus/gradus.h>

auto f = gradus::jit([](const gradus::Tensor&) {});
int main() { f(gradus::ones({2})); }
