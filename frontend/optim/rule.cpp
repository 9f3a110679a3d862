#include "frontend/optim/rule.h"

#include <algorithm>

#include <fmt/format.h>

namespace gradus::optim {

// ------------------------------------------------------------------------------------------ slots

Slots Slots::inside(std::string_view name) const {
  return Slots(*state_, name.empty() ? prefix_ : fmt::format("{}{}.", prefix_, name));
}

std::string Slots::key(std::string_view name) const {
  return fmt::format("{}{}", prefix_, name);
}

std::string Slots::key(std::string_view name, std::string_view path) const {
  return fmt::format("{}{}/{}", prefix_, name, path);
}

const Tensor& Slots::find(const std::string& key) const {
  const auto it = state_->find(key);
  if (it == state_->end()) {
    throw ValueError(Message{"update", fmt::format("the state has no \"{}\"", key),
                             detail::position_of_call(),
                             "make the state by init() of this optimiser with these parameters"});
  }
  return it->second;
}

const Tensor& Slots::get(std::string_view name) const {
  return find(key(name));
}

void Slots::set(std::string_view name, Tensor value) {
  (*state_)[key(name)] = std::move(value);
}

const Tensor& Slots::get(std::string_view name, std::string_view path) const {
  return find(key(name, path));
}

void Slots::set(std::string_view name, std::string_view path, Tensor value) {
  (*state_)[key(name, path)] = std::move(value);
}

bool Slots::has(std::string_view name) const {
  return state_->contains(key(name));
}

// ------------------------------------------------------------------------------------- rule parts

std::string settings_text(const std::vector<Setting>& settings,
                          const std::vector<std::string>& flags, const State* state,
                          const std::string& prefix) {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : ", ") + item; };
  for (const Setting& setting : settings) {
    std::string value = setting.value.to_string();
    if (state && setting.value.constant()) {
      const auto it = state->find(prefix + setting.name);
      if (it != state->end()) value = fmt::format("{}", it->second.item<double>());
    }
    add(setting.name + "=" + value);
  }
  for (const std::string& flag : flags)
    add(flag);
  return text;
}

void init_settings(Slots& slots, const std::vector<Setting>& settings, bool counts) {
  for (const Setting& setting : settings) {
    if (const auto value = setting.value.constant()) {
      slots.set(setting.name, full({}, *value, DType::F64));
    } else {
      counts = true;
    }
  }
  if (counts) slots.set("count", Tensor(0));
}

Tensor setting_of(const Slots& slots, const Setting& setting) {
  return setting.value.constant() ? slots.get(setting.name) : setting.value(slots.get("count"));
}

Slot filled_slot(const char* name, double value) {
  return Slot(name, [value](const Tensor& param) { return full_like(param, value); });
}

// ------------------------------------------------------------------------------------------- leaf

Leaf::Leaf(const LeafRule& rule, Slots& slots, const std::string& path, Tensor gradient,
           Tensor param)
    : gradient(std::move(gradient)),
      param(std::move(param)),
      path(path),
      rule_(rule),
      slots_(slots) {
  for (const Slot& slot : rule.slots) {
    const Tensor expected = slot.init ? slot.init(this->param) : this->param;
    if (expected.is_empty()) {
      open_.emplace_back();
      continue;
    }
    Tensor value = slots.get(slot.name, path);
    if (value.type() != expected.type()) {
      throw ShapeError(
          Message{"update",
                  fmt::format("\"{}\" in the state does not fit its parameter; got "
                              "{}, expected {}",
                              slots.key(slot.name, path), gradus::to_string(value.type()),
                              gradus::to_string(this->param.type())),
                  detail::position_of_call(),
                  "make the state by init() of this optimiser with these parameters"});
    }
    open_.emplace_back(std::move(value));
  }
}

void Leaf::close() {
  for (size_t i = 0; i < open_.size(); ++i) {
    if (!open_[i].is_empty()) slots_.set(rule_.slots[i].name, path, std::move(open_[i]));
  }
}

Tensor& Leaf::slot(std::string_view name) {
  const auto it = std::ranges::find(rule_.slots, name, &Slot::name);
  GRADUS_CHECK(it != rule_.slots.end(), std::string(name));
  return open_[static_cast<size_t>(it - rule_.slots.begin())];
}

Tensor Leaf::exact(std::string_view setting) const {
  const auto it = std::ranges::find(rule_.settings, setting, &Setting::name);
  GRADUS_CHECK(it != rule_.settings.end(), std::string(setting));
  return setting_of(slots_, *it);
}

Tensor Leaf::count() const {
  return astype(slots_.get("count"), DType::F64) + 1;
}

Tensor Leaf::mix(const Tensor& average, const Tensor& x, std::string_view decay) const {
  const Tensor rate = exact(decay);
  return cast(rate) * average + cast(1 - rate) * x;
}

Tensor Leaf::correction(std::string_view decay) const {
  return cast(1 / (1 - pow(exact(decay), count())));
}

// -------------------------------------------------------------------------------------- leaf rule

namespace {

class PerLeaf final : public Rule {
 public:
  explicit PerLeaf(LeafRule rule) : rule_(std::move(rule)) {}

  std::string name() const override { return rule_.name; }

  void init(Slots slots, const Leaves& params) const override {
    init_settings(slots, rule_.settings, rule_.counts);
    for (size_t i = 0; i < params.size(); ++i) {
      const Tensor& param = params.tensors[i];
      if (rule_.check) rule_.check(params.paths[i], param);
      for (const Slot& slot : rule_.slots) {
        const Tensor value = slot.init ? slot.init(param) : zeros_like(param);
        if (!value.is_empty()) slots.set(slot.name, params.paths[i], value);
      }
    }
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    std::vector<Tensor> updates;
    for (size_t i = 0; i < params.size(); ++i) {
      Leaf leaf(rule_, slots, params.paths[i], gradients.tensors[i], params.tensors[i]);
      updates.push_back(rule_.update(leaf));
      leaf.close();
    }
    advance_count(slots);
    return updates;
  }

  std::string to_string(const State* state, const std::string& prefix) const override {
    return rule_.name + "(" + settings_text(rule_.settings, rule_.flags, state, prefix) + ")";
  }

 private:
  LeafRule rule_;
};

}  // namespace

void advance_count(Slots& slots) {
  if (slots.has("count")) slots.set("count", slots.get("count") + 1);
}

Optimizer make_optimizer(LeafRule rule) {
  return Optimizer(std::make_shared<const PerLeaf>(std::move(rule)));
}

LeafRule with_learning_rate(std::string name, Schedule learning_rate, LeafRule rule) {
  rule.name = std::move(name);
  rule.settings.insert(rule.settings.begin(), {"learning_rate", std::move(learning_rate)});
  rule.update = [direction = std::move(rule.update)](Leaf& l) {
    return -l["learning_rate"] * direction(l);
  };
  return rule;
}

// ------------------------------------------------------------------------------------------ chain

namespace {

class Chain final : public Rule {
 public:
  explicit Chain(std::vector<std::shared_ptr<const Rule>> parts) : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      std::string name = part->name();
      for (int n = 1; std::ranges::find(names_, name) != names_.end(); ++n)
        name = fmt::format("{}_{}", part->name(), n);
      names_.push_back(std::move(name));
    }
  }

  const std::vector<std::shared_ptr<const Rule>>& parts() const { return parts_; }

  std::string name() const override { return {}; }

  void init(Slots slots, const Leaves& params) const override {
    for (size_t i = 0; i < parts_.size(); ++i)
      parts_[i]->init(slots.inside(names_[i]), params);
  }

  std::vector<Tensor> update(const Leaves& gradients, Slots slots,
                             const Leaves& params) const override {
    Leaves updates = gradients;
    for (size_t i = 0; i < parts_.size(); ++i)
      updates.tensors = parts_[i]->update(updates, slots.inside(names_[i]), params);
    return std::move(updates.tensors);
  }

  std::string to_string(const State* state, const std::string& prefix) const override {
    std::string text;
    for (size_t i = 0; i < parts_.size(); ++i) {
      text += (i ? ", " : "") + parts_[i]->to_string(state, prefix + names_[i] + ".");
    }
    return "chain(" + text + ")";
  }

 private:
  std::vector<std::shared_ptr<const Rule>> parts_;
  std::vector<std::string> names_;  // adam, adam_1
};

}  // namespace

Optimizer chain(std::vector<Optimizer> parts) {
  std::vector<std::shared_ptr<const Rule>> flat;
  for (const Optimizer& part : parts) {
    if (const auto* inner = dynamic_cast<const Chain*>(part.rule().get())) {
      flat.insert(flat.end(), inner->parts().begin(), inner->parts().end());
    } else {
      flat.push_back(part.rule());
    }
  }
  return Optimizer(std::make_shared<const Chain>(std::move(flat)));
}

}  // namespace gradus::optim
