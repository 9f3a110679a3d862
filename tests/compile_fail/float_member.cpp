// So would a float member.
// error: use Tensor (a run-time value) or Static<float>
#include <gradus/gradus.h>

struct Config {
  gradus::Tensor scale;
  float rate;
};
auto f = gradus::grad([](const Config& c) { return c.scale * c.rate; });
auto y = f(Config{gradus::Tensor(1.0f), 0.5f});
