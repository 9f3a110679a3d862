// What an optimiser is made of: a rule is a pure function over leaves. Most treat every parameter
// by itself and are a LeafRule: a table of settings and slots, and one formula. Your own are made
// in the same way:
//
//   Optimizer sign_descent(Schedule learning_rate) {
//     return make_optimizer(LeafRule{
//         .name = "sign_descent",
//         .settings = {{"learning_rate", learning_rate}},
//         .update = [](Leaf& l) { return -l["learning_rate"] * sign(l.gradient); }});
//   }
#pragma once

#include <functional>
#include <string_view>

#include <gradus/ops.h>
#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

/// The part of a state that belongs to one rule: names get the rule's prefix.
class Slots {
 public:
  explicit Slots(State& state, std::string prefix = {})
      : state_(&state), prefix_(std::move(prefix)) {}

  /// The part of a rule inside this one; an empty name is this part itself.
  Slots inside(std::string_view name) const;

  /// A scalar. ValueError if there is none.
  const Tensor& get(std::string_view name) const;
  void set(std::string_view name, Tensor value);
  /// What belongs to the parameter at `path`. ValueError if there is none.
  const Tensor& get(std::string_view name, std::string_view path) const;
  void set(std::string_view name, std::string_view path, Tensor value);

  bool has(std::string_view name) const;
  const std::string& prefix() const { return prefix_; }
  /// The whole state, other rules' parts too.
  State& state() const { return *state_; }
  /// "adam.mu/linear/w".
  std::string key(std::string_view name) const;
  std::string key(std::string_view name, std::string_view path) const;

 private:
  const Tensor& find(const std::string& key) const;

  State* state_;
  std::string prefix_;  // "adam."
};

class Rule {
 public:
  virtual ~Rule() = default;

  /// Prefix of its part of the state; empty: the parts of its parts.
  virtual std::string name() const = 0;
  virtual void init(Slots slots, const Leaves& params) const = 0;
  /// What to add to the parameters (or what the next rule gets). `gradients` and `params` have the
  /// same paths.
  virtual std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                                     const Leaves& params) const = 0;
  /// With the settings of the state, if there is one.
  virtual std::string to_string(const State* state, const std::string& prefix) const = 0;
};

/// A setting's name and value.
struct Setting {
  std::string name;
  Schedule value;
};

/// A tensor that is kept for every parameter.
struct Slot {
  Slot(const char* name) : name(name) {}
  /// With `init` of the parameter instead of zeros like it; empty: this parameter has no such slot.
  Slot(const char* name, std::function<Tensor(const Tensor& param)> init)
      : name(name), init(std::move(init)) {}

  std::string name;
  std::function<Tensor(const Tensor& param)> init;
};
/// A slot that begins with this value everywhere.
Slot filled_slot(const char* name, double value);

struct LeafRule;

/// One parameter in an update.
class Leaf {
 public:
  Leaf(const LeafRule& rule, Slots& slots, const std::string& path, Tensor gradient, Tensor param);
  /// Writes the slots back.
  void close();

  /// The gradient, or the update of the rule before.
  Tensor gradient;
  const Tensor param;
  const std::string& path;

  /// The slot of that name, to be read and assigned.
  Tensor& slot(std::string_view name);
  /// A setting in the parameter's element type.
  Tensor operator[](std::string_view setting) const { return cast(exact(setting)); }
  /// A setting as f64[]: for arithmetic among settings, which is done once for all parameters.
  Tensor exact(std::string_view setting) const;
  /// The number of updates, this one included, as f64[].
  Tensor count() const;
  /// A scalar in the parameter's element type.
  Tensor cast(const Tensor& scalar) const { return astype(scalar, param.dtype()); }

  /// decay · average + (1 - decay) · x, for the setting `decay`.
  Tensor mix(const Tensor& average, const Tensor& x, std::string_view decay) const;
  /// 1 / (1 - decay^count), which makes the mean of such an average that of x.
  Tensor correction(std::string_view decay) const;

 private:
  const LeafRule& rule_;
  Slots& slots_;
  std::vector<Tensor> open_;  // by slot
};

/// A rule for each parameter by itself.
struct LeafRule {
  std::string name;
  std::vector<Setting> settings = {};
  std::vector<Slot> slots = {};
  /// Whether `update` asks for Leaf::count(); schedules have their count anyway.
  bool counts = false;
  /// What printing adds to the settings: "nesterov=true".
  std::vector<std::string> flags = {};
  /// Of the parameter's shape.
  std::function<Tensor(Leaf&)> update = {};
  /// Throws unless the rule fits the parameter.
  std::function<void(const std::string& path, const Tensor& param)> check = {};
};

Optimizer make_optimizer(LeafRule rule);
/// The rule followed by a step down: update = -learning_rate · rule, under a name of its own.
LeafRule with_learning_rate(std::string name, Schedule learning_rate, LeafRule rule);

// ---------------------------------------------------- for rules that see all parameters at once

/// Writes the settings that are numbers, and the count, if there is a use for it.
void init_settings(Slots& slots, const std::vector<Setting>& settings, bool counts = false);
/// The value in this update, f64[].
Tensor setting_of(const Slots& slots, const Setting& setting);
/// Ends an update: the count, if there is one, goes on by one.
void advance_count(Slots& slots);
/// "learning_rate=0.01, nesterov=true"
std::string settings_text(const std::vector<Setting>& settings,
                          const std::vector<std::string>& flags, const State* state,
                          const std::string& prefix);

namespace detail {
/// The line of the call of init() or update() that is under way.
SourcePos position_of_call();
}  // namespace detail

}  // namespace gradus::optim
