// error: a pointer cannot be a member of a tree
#include <memory>
#include <gradus/gradus.h>

struct Node {
  std::shared_ptr<gradus::Tensor> w;
};
auto f = gradus::jit([](const Node& n) { return *n.w; });
auto y = f(Node{});
