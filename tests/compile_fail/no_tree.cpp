// error: this type is no tree of tensors
#include <gradus/gradus.h>

class Dense {
 public:
  explicit Dense(gradus::Tensor w) : w_(w) {}

 private:
  gradus::Tensor w_;
};
auto f = gradus::jit([](const Dense&) { return gradus::ones({2}); });
auto y = f(Dense(gradus::ones({2})));
