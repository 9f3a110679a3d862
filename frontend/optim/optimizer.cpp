#include "frontend/optim/optimizer.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "frontend/optim/rule.h"
#include "frontend/transform.h"

namespace gradus::optim {
namespace {

using Updated = std::pair<std::vector<Tensor>, State>;

/// Errors of rules name the line of the call that they work for.
thread_local SourcePos call_position;

class PositionOfCall {
 public:
  explicit PositionOfCall(SourcePos where) : previous_(std::exchange(call_position, where)) {}
  ~PositionOfCall() { call_position = previous_; }
  PositionOfCall(const PositionOfCall&) = delete;
  PositionOfCall& operator=(const PositionOfCall&) = delete;

 private:
  SourcePos previous_;
};

std::vector<Tensor> sums(const Leaves& params, const std::vector<Tensor>& updates) {
  std::vector<Tensor> result;
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& param = params.tensors[i];
    const Tensor next = param + updates[i];
    result.push_back(next.dtype() == param.dtype() ? next : astype(next, param.dtype()));
  }
  return result;
}

void check_params(const char* op, const Leaves& params, SourcePos where) {
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& param = params.tensors[i];
    if (!is_float(param.dtype(where))) {
      throw DTypeError(
          Message{op,
                  fmt::format("a parameter must be of floats; got {} at \"{}\"",
                              gradus::to_string(param.type()), params.paths[i]),
                  where, "keep other leaves in a tree of their own, such as the state of a model"});
    }
  }
  auto paths = params.paths;
  std::ranges::sort(paths);
  if (const auto twice = std::ranges::adjacent_find(paths); twice != paths.end()) {
    throw ValueError(Message{op, fmt::format("two leaves have the path \"{}\"", *twice), where,
                             "give them different names"});
  }
}

void check_like(const char* op, const char* what, const Leaves& params,
                const std::vector<Tensor>& others, SourcePos where) {
  if (others.size() != params.size()) {
    throw ValueError(Message{op,
                             fmt::format("another number of {}s; got {}, expected {}", what,
                                         others.size(), params.size()),
                             where, "give one for each parameter"});
  }
  for (size_t i = 0; i < params.size(); ++i) {
    const Type& expected = params.tensors[i].type(where);
    const Type& got = others[i].type(where);
    if (got == expected) continue;
    const Message message{
        op,
        fmt::format("{} unlike its parameter \"{}\"; got {}, expected {}", what, params.paths[i],
                    gradus::to_string(got), gradus::to_string(expected)),
        where, "differentiate by these parameters"};
    if (got.shape != expected.shape) throw ShapeError(message);
    throw DTypeError(message);
  }
}

}  // namespace

namespace detail {

SourcePos position_of_call() {
  return call_position;
}

std::vector<Tensor> apply_updates(const Leaves& params, const std::vector<Tensor>& updates,
                                  SourcePos where) {
  static const auto program = jit(sums, "apply_updates");
  for (size_t i = 0; i < params.size(); ++i) {
    if (updates[i].shape(where) == params.tensors[i].shape(where)) continue;
    throw ShapeError(Message{"apply_updates",
                             fmt::format("an update unlike its parameter \"{}\"; got {}, expected "
                                         "{}",
                                         params.paths[i], gradus::to_string(updates[i].type()),
                                         gradus::to_string(params.tensors[i].type())),
                             where, "give the updates of these parameters"});
  }
  const gradus::detail::LibraryCall position("apply_updates", where);
  return program(params, updates);
}

}  // namespace detail

/// What runs outside a trace.
struct Optimizer::Programs {
  explicit Programs(std::shared_ptr<const Rule> rule)
      : update(jit(Update{rule}, "optimizer_update")), step(jit(Step{rule}, "optimizer_step")) {}

  struct Update {
    std::shared_ptr<const Rule> rule;

    Updated operator()(const Leaves& gradients, const State& state, const Leaves& params) const {
      const gradus::detail::LibraryCall position("update", call_position);
      State next = state;
      auto updates = rule->update(gradients, Slots(next).inside(rule->name()), params);
      return {std::move(updates), std::move(next)};
    }
  };
  struct Step {
    std::shared_ptr<const Rule> rule;

    Updated operator()(const Leaves& params, const State& state, const Leaves& gradients) const {
      auto [updates, next] = Update{rule}(gradients, state, params);
      const gradus::detail::LibraryCall position("step", call_position);
      return {sums(params, updates), std::move(next)};
    }
  };

  Jit<Update> update;
  Jit<Step> step;
};

Optimizer::Optimizer(std::shared_ptr<const Rule> rule)
    : rule_(std::move(rule)), programs_(std::make_shared<const Programs>(rule_)) {}

State Optimizer::init_leaves(const Leaves& params, SourcePos where) const {
  check_params("init", params, where);
  const PositionOfCall scope(where);
  const gradus::detail::LibraryCall position("init", where);
  State state;
  rule_->init(Slots(state).inside(rule_->name()), params);
  return state;
}

std::pair<std::vector<Tensor>, State> Optimizer::update_leaves(Leaves gradients, State state,
                                                               const Leaves& params,
                                                               SourcePos where) const {
  check_params("update", params, where);
  check_like("update", "gradient", params, gradients.tensors, where);
  const PositionOfCall scope(where);
  return programs_->update(std::move(gradients), std::move(state), params);
}

std::pair<std::vector<Tensor>, State> Optimizer::step_leaves(Leaves params, State state,
                                                             const Leaves& gradients,
                                                             SourcePos where) const {
  check_params("step", params, where);
  check_like("step", "gradient", params, gradients.tensors, where);
  const PositionOfCall scope(where);
  return programs_->step(std::move(params), std::move(state), gradients);
}

std::string Optimizer::to_string() const {
  return rule_->to_string(nullptr, {});
}

std::string Optimizer::to_string(const State& state) const {
  State copy = state;
  return rule_->to_string(&state, Slots(copy).inside(rule_->name()).prefix());
}

std::ostream& operator<<(std::ostream& out, const Optimizer& optimizer) {
  return out << optimizer.to_string();
}

// ------------------------------------------------------------------------------------------ state

namespace {

/// Whether `key` is a scalar called `name`: "adam.learning_rate" for itself and "learning_rate".
bool is_called(std::string_view key, std::string_view name) {
  if (key.find('/') != key.npos || !key.ends_with(name)) return false;
  return key.size() == name.size() || key[key.size() - name.size() - 1] == '.';
}

std::vector<std::string> scalars_called(const char* op, const State& state, const std::string& name,
                                        SourcePos where) {
  std::vector<std::string> found;
  std::string all;
  for (const auto& [key, value] : state) {
    if (key.find('/') != key.npos) continue;
    all += (all.empty() ? "" : ", ") + key;
    if (is_called(key, name)) found.push_back(key);
  }
  if (found.empty()) {
    throw ValueError(Message{op,
                             fmt::format("the state has no scalar called \"{}\"; it has {}", name,
                                         all.empty() ? "none" : all),
                             where,
                             "use one of these names; what follows a schedule is not in the "
                             "state"});
  }
  return found;
}

}  // namespace

void set_hyperparameter(State& state, const std::string& name, Arg value) {
  const char* op = "set_hyperparameter";
  const gradus::detail::LibraryCall position(op, value.where());
  for (const std::string& key : scalars_called(op, state, name, value.where())) {
    Tensor& entry = state[key];
    if (value.is_tensor() && value.tensor().shape() != entry.shape()) {
      throw ShapeError(Message{
          op,
          fmt::format("\"{}\" is a scalar; got {}", key, gradus::to_string(value.tensor().type())),
          value.where(), "give one number"});
    }
    entry = value.is_tensor() ? astype(value, entry.dtype()) : full({}, value, entry.dtype());
  }
}

Tensor hyperparameter(const State& state, const std::string& name, SourcePos where) {
  const auto keys = scalars_called("hyperparameter", state, name, where);
  if (keys.size() > 1) {
    throw ValueError(
        Message{"hyperparameter",
                fmt::format("several scalars are called \"{}\": {} and {}", name, keys[0], keys[1]),
                where, "write the longer name"});
  }
  return state.at(keys[0]);
}

}  // namespace gradus::optim
