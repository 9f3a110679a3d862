#include "frontend/optim/wrap.h"

#include <fmt/format.h>

#include "frontend/optim/moments.h"
#include "frontend/transform.h"

namespace gradus::optim {
namespace {

/// Some of the leaves, and the way back.
struct Part {
  Leaves leaves;
  std::vector<size_t> places;

  void add(const std::string& path, const Tensor& tensor, size_t place) {
    leaves.paths.push_back(path);
    leaves.tensors.push_back(tensor);
    places.push_back(place);
  }
  Leaves of(const Leaves& all) const {
    Leaves mine;
    for (size_t place : places) {
      mine.paths.push_back(all.paths[place]);
      mine.tensors.push_back(all.tensors[place]);
    }
    return mine;
  }
};

/// Rules around one other.
class Wrapper : public Rule {
 public:
  Wrapper(std::string name, const Optimizer& inner)
      : name_(std::move(name)), inner_(inner.rule()) {}

  std::string name() const override { return name_; }

  std::string to_string(const State* state, const std::string& prefix) const override {
    const std::string own = inner_->name().empty() ? "" : inner_->name() + ".";
    return name_ + "(" + inner_->to_string(state, prefix + own) + details(state, prefix) + ")";
  }

 protected:
  virtual std::string details(const State*, const std::string&) const { return {}; }
  Slots slots_of_inner(const Slots& slots) const { return slots.inside(inner_->name()); }
  const Rule& inner() const { return *inner_; }

  /// Runs the inner rule; where `take` does not hold, its state stays and updates are 0.
  std::vector<Tensor> update_if(const Tensor& take, const Leaves& gradients, Slots slots,
                                const Leaves& params) const {
    const State before = slots.state();
    std::vector<Tensor> updates = inner_->update(gradients, slots_of_inner(slots), params);
    const std::string prefix = slots_of_inner(slots).prefix();
    for (auto& [key, value] : slots.state()) {
      const Tensor& old = before.at(key);
      if (!key.starts_with(prefix) || value.base() == old.base()) continue;
      value = where(take, value, old);
    }
    for (Tensor& update : updates)
      update = where(take, update, 0);
    return updates;
  }

 private:
  std::string name_;
  std::shared_ptr<const Rule> inner_;
};

class Masked final : public Wrapper {
 public:
  Masked(const Optimizer& inner, Mask mask) : Wrapper("masked", inner), mask_(std::move(mask)) {}

  void init(Slots slots, const Leaves& params) const override {
    inner().init(slots_of_inner(slots), part_of(params).leaves);
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    const Part part = part_of(params);
    const auto mine = inner().update(part.of(gradients), slots_of_inner(slots), part.leaves);
    std::vector<Tensor> updates = gradients.tensors;
    for (size_t i = 0; i < mine.size(); ++i)
      updates[part.places[i]] = mine[i];
    return updates;
  }

 private:
  Part part_of(const Leaves& params) const {
    Part part;
    for (size_t i = 0; i < params.size(); ++i) {
      if (!selects(mask_, params.paths[i], params.tensors[i])) continue;
      part.add(params.paths[i], params.tensors[i], i);
    }
    return part;
  }

  Mask mask_;
};

class Partition final : public Rule {
 public:
  Partition(Label label, const std::map<std::string, Optimizer>& groups, std::string name,
            SourcePos where)
      : label_(std::move(label)), name_(std::move(name)) {
    for (const auto& [group, optimizer] : groups) {
      if (group.find_first_of("/.") != group.npos) {
        throw ValueError(Message{
            name_, fmt::format("a group's name cannot have slashes or dots; got \"{}\"", group),
            where, "use another name"});
      }
      rules_[group] = optimizer.rule();
    }
  }

  std::string name() const override { return name_; }

  void init(Slots slots, const Leaves& params) const override {
    for (const auto& [group, part] : parts_of(params))
      rules_.at(group)->init(slots_of(slots, group), part.leaves);
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    std::vector<Tensor> updates(params.size());
    for (const auto& [group, part] : parts_of(params)) {
      const auto mine =
          rules_.at(group)->update(part.of(gradients), slots_of(slots, group), part.leaves);
      for (size_t i = 0; i < mine.size(); ++i)
        updates[part.places[i]] = mine[i];
    }
    return updates;
  }

  std::string to_string(const State* state, const std::string& prefix) const override {
    std::string text;
    for (const auto& [group, rule] : rules_) {
      const std::string own = rule->name().empty() ? "" : rule->name() + ".";
      text += (text.empty() ? "" : ", ") + group + ": " +
              rule->to_string(state, prefix + group + "." + own);
    }
    return name_ + "(" + text + ")";
  }

 private:
  /// Every group, those without parameters too: their settings stand in the state all the same.
  std::map<std::string, Part> parts_of(const Leaves& params) const {
    std::map<std::string, Part> parts;
    for (const auto& [group, rule] : rules_)
      parts[group];
    for (size_t i = 0; i < params.size(); ++i) {
      const std::string group = label_(params.paths[i], params.tensors[i]);
      const auto part = parts.find(group);
      if (part == parts.end()) {
        std::string known;
        for (const auto& [name, unused] : parts)
          known += (known.empty() ? "" : ", ") + name;
        throw ValueError(Message{name_,
                                 fmt::format("no group \"{}\" for the parameter \"{}\"; there are "
                                             "{}",
                                             group, params.paths[i], known),
                                 detail::position_of_call(),
                                 "give an optimiser for each label; set_to_zero() keeps "
                                 "parameters as they are"});
      }
      part->second.add(params.paths[i], params.tensors[i], i);
    }
    return parts;
  }

  Slots slots_of(const Slots& slots, const std::string& group) const {
    return slots.inside(group).inside(rules_.at(group)->name());
  }

  Label label_;
  std::string name_;
  std::map<std::string, std::shared_ptr<const Rule>> rules_;
};

class MultiSteps final : public Wrapper {
 public:
  MultiSteps(const Optimizer& inner, int every, bool use_mean)
      : Wrapper("multi_steps", inner), every_(every), use_mean_(use_mean) {}

  void init(Slots slots, const Leaves& params) const override {
    slots.set("every", Tensor(static_cast<int32_t>(every_)));
    slots.set("mini_step", Tensor(0));
    for (size_t i = 0; i < params.size(); ++i)
      slots.set("sum", params.paths[i], zeros_like(params.tensors[i]));
    inner().init(slots_of_inner(slots), params);
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    const Tensor every = slots.get("every");
    const Tensor done = slots.get("mini_step") + 1;
    const Tensor emit = done >= every;
    Leaves total{gradients.paths, {}};
    for (size_t i = 0; i < gradients.size(); ++i) {
      const Tensor sum = slots.get("sum", gradients.paths[i]) + gradients.tensors[i];
      slots.set("sum", gradients.paths[i], where(emit, 0, sum));
      total.tensors.push_back(use_mean_ ? sum / astype(every, sum.dtype()) : sum);
    }
    slots.set("mini_step", where(emit, 0, done));
    return update_if(emit, total, slots, params);
  }

 protected:
  std::string details(const State* state, const std::string& prefix) const override {
    const auto it = state ? state->find(prefix + "every") : State::const_iterator{};
    const int every = state && it != state->end() ? it->second.item<int32_t>() : every_;
    return fmt::format(", every={}, use_mean={}", every, use_mean_);
  }

 private:
  int every_;
  bool use_mean_;
};

class ApplyIfFinite final : public Wrapper {
 public:
  ApplyIfFinite(const Optimizer& inner, int max_consecutive_errors)
      : Wrapper("apply_if_finite", inner), most_(max_consecutive_errors) {}

  void init(Slots slots, const Leaves& params) const override {
    for (const char* name : {"in_a_row", "total"})
      slots.set(name, Tensor(0));
    inner().init(slots_of_inner(slots), params);
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    const Tensor finite = tree::all_finite(gradients.tensors);
    const Tensor in_a_row = where(finite, 0, slots.get("in_a_row") + 1);
    slots.set("in_a_row", in_a_row);
    slots.set("total", slots.get("total") + where(finite, 0, 1));
    return update_if(logical_or(finite, in_a_row > most_), gradients, slots, params);
  }

 protected:
  std::string details(const State*, const std::string&) const override {
    return fmt::format(", max_consecutive_errors={}", most_);
  }

 private:
  int most_;
};

}  // namespace

Optimizer add_decayed_weights(Schedule weight_decay, Mask mask) {
  LeafRule rule{.name = "add_decayed_weights", .update = [](Leaf& l) { return l.gradient; }};
  return make_optimizer(
      with_weight_decay(std::move(rule), std::move(weight_decay), std::move(mask)));
}

Optimizer masked(Optimizer inner, Mask mask) {
  return Optimizer(std::make_shared<const Masked>(inner, std::move(mask)));
}

Optimizer partition(Label label, std::map<std::string, Optimizer> groups, std::string name,
                    SourcePos where) {
  return Optimizer(
      std::make_shared<const Partition>(std::move(label), groups, std::move(name), where));
}

Optimizer set_to_zero() {
  return make_optimizer(
      {.name = "set_to_zero", .update = [](Leaf& l) { return zeros_like(l.gradient); }});
}

Optimizer multi_steps(Optimizer inner, int every, bool use_mean, SourcePos where) {
  if (every < 1) {
    throw ValueError(Message{"multi_steps", fmt::format("every must be at least 1; got {}", every),
                             where, "give the number of gradients that make one update"});
  }
  return Optimizer(std::make_shared<const MultiSteps>(inner, every, use_mean));
}

Optimizer ema(Schedule decay, bool debias) {
  return make_optimizer({.name = "ema",
                         .settings = {{"decay", std::move(decay)}},
                         .slots = {"average"},
                         .counts = debias,
                         .flags = {debias ? "debias=true" : "debias=false"},
                         .update = [debias](Leaf& l) {
                           Tensor& average = l.slot("average");
                           average = l.mix(average, l.gradient, "decay");
                           return debias ? average * l.correction("decay") : average;
                         }});
}

Optimizer apply_if_finite(Optimizer inner, int max_consecutive_errors) {
  return Optimizer(std::make_shared<const ApplyIfFinite>(inner, max_consecutive_errors));
}

namespace detail {

std::vector<Tensor> incremental_update(const std::vector<Tensor>& new_leaves,
                                       const std::vector<Tensor>& old_leaves, Arg step_size) {
  static const auto program = jit(
      [](const std::vector<Tensor>& target, const std::vector<Tensor>& start, const Tensor& way) {
        std::vector<Tensor> result;
        for (size_t i = 0; i < start.size(); ++i) {
          result.push_back(start[i] + astype(way, start[i].dtype()) * (target[i] - start[i]));
        }
        return result;
      },
      "incremental_update");
  const gradus::detail::LibraryCall position("incremental_update", step_size.where());
  const Tensor way = step_size.is_tensor() ? step_size.tensor() : full({}, step_size, DType::F64);
  return program(new_leaves, old_leaves, way);
}

}  // namespace detail
}  // namespace gradus::optim
