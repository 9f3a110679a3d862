// error: the keys of a map in a tree must be std::string
#include <map>
#include <gradus/gradus.h>

auto f = gradus::jit([](const std::map<int, gradus::Tensor>& m) { return m.at(0); });
auto y = f(std::map<int, gradus::Tensor>{});
