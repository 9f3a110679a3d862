// Schedules against Optax's and PyTorch's, as C++ numbers and inside compiled steps.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>

#include <gradus/gradus.h>
#include <gradus/optim/optim.h>

#include "tests/frontend/values.h"
#include "tests/optim/schedules.inc"

using namespace gradus;
using namespace gradus::optim;

TEST_CASE("schedules have the values of the references") {
  const std::map<std::string, Schedule> schedules{
      {"polynomial", polynomial_schedule(0.3, 0.02, 2.5, 40, 10)},
      {"linear", linear_schedule(0.1, 0.7, 30)},
      {"linear, later", linear_schedule(0.7, 0.1, 20, 10)},
      {"exponential", exponential_decay(0.5, 10, 0.8)},
      {"exponential, stairs",
       exponential_decay(0.5, 10, 0.8, {.transition_begin = 5, .staircase = true})},
      {"exponential, ended", exponential_decay(0.5, 10, 0.8, {.end_value = 0.3})},
      {"exponential growth, ended", exponential_decay(0.5, 10, 1.2, {.end_value = 0.9})},
      {"step", step_schedule(0.1, 20, 0.3)},
      {"cosine", cosine_decay_schedule(0.2, 50)},
      {"cosine, raised", cosine_decay_schedule(0.2, 50, 0.1, 1.5)},
      {"cosine of PyTorch", cosine_decay_schedule(0.2, 1000)},
      {"piecewise", piecewise_constant_schedule(0.1, {{10, 0.5}, {30, 0.1}})},
      {"linear onecycle", linear_onecycle_schedule(100, 0.5)},
      {"cosine onecycle", cosine_onecycle_schedule(100, 0.5, {.pct_start = 0.2})},
      {"warmup constant", warmup_constant_schedule(0, 0.1, 10)},
      {"warmup cosine", warmup_cosine_decay_schedule(0.01, 0.1, 10, 50, 0.001)},
      {"warmup exponential", warmup_exponential_decay_schedule(0.01, 0.1, 10, 20, 0.5)},
      {"join", join_schedules({constant_schedule(0.3), linear_schedule(0.3, 0.1, 10),
                               exponential_decay(0.1, 10, 0.5)},
                              {5, 20})},
  };
  for (const Golden& golden : kGolden) {
    INFO(golden.name);
    REQUIRE(schedules.contains(golden.name));
    const Schedule& schedule = schedules.at(golden.name);
    CHECK(!schedule.constant());
    for (size_t i = 0; i < std::size(kSteps); ++i) {
      INFO("step " << kSteps[i]);
      CHECK(std::abs(schedule.at(kSteps[i]) - golden.values[i]) < 1e-12);
    }
    const auto all = jit(vmap([&](const Tensor& step) { return schedule(step); }));
    const auto values = all(tensor(kSteps, {std::ssize(kSteps)})).to_vector<double>();
    for (size_t i = 0; i < std::size(kSteps); ++i)
      CHECK(std::abs(values[i] - golden.values[i]) < 1e-12);
  }
  CHECK(std::size(kGolden) == schedules.size());
}

TEST_CASE("an optimiser follows a schedule without compiling again") {
  const auto opt = sgd(piecewise_constant_schedule(1, {{1, 0.5}, {2, 0.5}}));
  CHECK(opt.to_string() ==
        "sgd(learning_rate=piecewise_constant_schedule(init_value=1, 1: 0.5, 2: 0.5))");
  const auto step = jit([&](Tensor x, State state) { return opt.step(x, state, ones({})); });
  Tensor x = 0.0;
  State state = opt.init(x);
  for (float expected : {-1.0f, -1.5f, -1.75f, -2.0f}) {
    std::tie(x, state) = step(x, state);
    CHECK(x.item<float>() == expected);
  }
  CHECK(step.compilations() == 1);
  CHECK(message_of<ValueError>([&] { set_hyperparameter(state, "learning_rate", 1); })
            .starts_with("[set_hyperparameter] the state has no scalar called \"learning_rate\"; "
                         "it has sgd.count"));
}

TEST_CASE("schedules print themselves and refuse nonsense") {
  CHECK(Schedule(0.1).to_string() == "0.1");
  CHECK(Schedule(0.1).constant() == 0.1);
  CHECK(constant_schedule(0.1).to_string() == "0.1");
  CHECK(warmup_cosine_decay_schedule(0, 0.1, 10, 50).to_string() ==
        "join_schedules(linear_schedule(init_value=0, end_value=0.1, transition_steps=10, "
        "transition_begin=0), 10: cosine_decay_schedule(init_value=0.1, decay_steps=40, alpha=0, "
        "exponent=1))");
  CHECK(exponential_decay(1, 5, 0.5, {.staircase = true, .end_value = 0.1}).to_string() ==
        "exponential_decay(init_value=1, transition_steps=5, decay_rate=0.5, staircase=true, "
        "end_value=0.1)");
  CHECK(message_of<ValueError>([] { cosine_decay_schedule(0.1, 0); }) ==
        "[cosine_decay_schedule] decay_steps must be positive; got 0; " + here() +
            "; count in updates: epochs times batches");
  CHECK(message_of<ValueError>([] { exponential_decay(0.1, 10, 0); }) ==
        "[exponential_decay] decay_rate must be positive; got 0; " + here() +
            "; use a number just below 1");
  CHECK(message_of<ValueError>([] {
          join_schedules({0.1, 0.2}, {});
        }) == "[join_schedules] got 2 schedules and 0 boundaries; " + here() +
                  "; give one boundary less than schedules");
  CHECK(message_of<ValueError>([] {
          join_schedules({0.1, 0.2, 0.3}, {5, 5});
        }) == "[join_schedules] boundaries must increase; got 5, 5; " + here() + "; sort them");
  CHECK(message_of<ValueError>([] {
          piecewise_constant_schedule(1, {{1, -1.0}});
        }) == "[piecewise_constant_schedule] scales must not be negative; got -1; " + here() +
                  "; give factors of the value before");
}
