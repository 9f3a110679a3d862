// One step of linear regression: jit(grad(vmap(predict))) by a user of the installed package.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

using gradus::Tensor;

struct Line {
  Tensor slope, offset;
};

Tensor predict(const Line& line, const Tensor& x) { return line.slope * x + line.offset; }

Tensor loss(const Line& line, const Tensor& xs, const Tensor& ys) {
  const Tensor off = gradus::vmap(predict, gradus::in_axes(gradus::none, 0))(line, xs) - ys;
  return gradus::mean(off * off);
}

int main() {
  auto update = gradus::jit([](Line line, Tensor xs, Tensor ys) {
    const Line g = gradus::grad(loss)(line, xs, ys);
    return gradus::tree_map([](Tensor p, Tensor dp) { return p - 0.5f * dp; }, line, g);
  });
  const Line line = update(Line{Tensor(1.0f), Tensor(0.0f)}, gradus::tensor({0.0, 1.0}),
                           gradus::tensor({1.0, 3.0}));
  // At slope 1 and offset 0 the errors are -1 and -2: the gradient is (-2, -3).
  const float slope = line.slope.item<float>();
  const float offset = line.offset.item<float>();
  std::printf("slope %g offset %g\n", slope, offset);
  return std::abs(slope - 2.0f) < 1e-6f && std::abs(offset - 1.5f) < 1e-6f ? 0 : 1;
}
