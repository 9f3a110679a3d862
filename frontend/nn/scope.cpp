#include "frontend/nn/scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/eval_shape.h"
#include "frontend/nn/scope_state.h"

namespace gradus::nn {

using detail::ScopeState;
using detail::VariableSpec;

Tensor KeySequence::next(SourcePos where) {
  if (key_.is_empty()) {
    throw ValueError(Message{"nn::KeySequence", "no key to begin with; got an empty tensor", where,
                             "give random::key(seed)"});
  }
  auto [key, subkey] = random::split(Arg(key_, where));
  key_ = key;
  return subkey;
}

Scope::Scope(std::unique_ptr<ScopeState> state) : state_(std::move(state)) {}
Scope::~Scope() = default;

Mode Scope::mode() const {
  return state_->mode;
}
bool Scope::is_initializing() const {
  return state_->initializing;
}
SourcePos Scope::where() const {
  return state_->where;
}
std::string Scope::path() const {
  return state_->frames.back().path;
}
bool Scope::has_key() const {
  return state_->initializing || state_->keys.has_value();
}

Tensor Scope::next_key() {
  ScopeState& s = *state_;
  // While shapes are inferred a key stands for the one that the sequence will give.
  if (s.initializing) return random::key(s.draws++);
  if (s.keys) return s.keys->next(s.where);
  throw ValueError(Message{"nn::next_key",
                           fmt::format("no random key for layer {}; got none, expected one because "
                                       "it draws in this mode",
                                       path().empty() ? "(outside all layers)" : path()),
                           s.where, "give a key: apply(…, {nn::Mode::Train, key}, …)"});
}

namespace {

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

/// The first names, for messages.
std::string names_of(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (names.size() == 6) {
      names.push_back("…");
      break;
    }
    names.push_back(name);
  }
  return names.empty() ? "none at all" : fmt::format("{}", fmt::join(names, ", "));
}

/// What a layer gets while the model's shapes are inferred.
Tensor placeholder(const Type& type, ScopeState& s, SourcePos where) {
  if (type.dtype == DType::Key)
    return random::key(1'000'000 + static_cast<int64_t>(s.specs.size()));
  return zeros(type.shape, type.dtype, where);
}

Tensor declare(ScopeState& s, VariableSpec spec) {
  const std::string id = (spec.is_state ? "s" : "p") + spec.name;
  const auto [it, is_new] = s.spec_of.emplace(id, s.specs.size());
  if (is_new) {
    if (spec.init.draws()) spec.draw = s.draws++;
    const int record = s.frames.back().record;
    if (record >= 0) {
      auto& list = spec.is_state ? s.records[static_cast<size_t>(record)].state
                                 : s.records[static_cast<size_t>(record)].params;
      list.push_back(s.specs.size());
    }
    s.specs.push_back(std::move(spec));
  } else if (s.specs[it->second].type != spec.type) {
    throw ShapeError(
        Message{"nn::init",
                fmt::format("{} is used with two types; got {} and {}, expected one", spec.name,
                            to_string(s.specs[it->second].type), to_string(spec.type)),
                s.where, "give the layers different names, or inputs of one shape"});
  }
  return placeholder(s.specs[it->second].type, s, s.where);
}

const Tensor& find(const std::map<std::string, Tensor>& tensors, const std::string& name,
                   const char* what, SourcePos where) {
  const auto it = tensors.find(name);
  if (it != tensors.end()) return it->second;
  throw ValueError(
      Message{"nn::apply", fmt::format("no {} {}; got {}", what, name, names_of(tensors)), where,
              "give what init made for this model, or load a file that was saved from it"});
}

void expect_type(const Tensor& x, const Type& type, const std::string& name, const Tensor& input,
                 SourcePos where) {
  const Type& got = x.type(where);
  if (got == type) return;
  const std::string of_input =
      input.is_empty() ? "" : fmt::format(" for input {}", to_string(input.type(where)));
  Message message{"nn::apply",
                  fmt::format("{} does not fit; got {}, expected {}{}", name, to_string(got),
                              to_string(type), of_input),
                  where,
                  "give inputs of the shape that the model was initialised with, or the parameters "
                  "of this model"};
  if (got.dtype != type.dtype) throw DTypeError(std::move(message));
  throw ShapeError(std::move(message));
}

}  // namespace

Tensor Scope::param(const std::string& name, const Shape& shape, const Initializer& init,
                    DType dtype, const Tensor& input) {
  ScopeState& s = *state_;
  const std::string full = joined(path(), name);
  const Type type{dtype, shape};
  if (s.initializing) return declare(s, {.name = full, .type = type, .init = init});
  const Tensor& x = find(*s.params, full, "parameter", s.where);
  expect_type(x, type, full, input, s.where);
  return x;
}

Tensor Scope::state(const std::string& name, const Shape& shape, const Initializer& init,
                    DType dtype) {
  ScopeState& s = *state_;
  const std::string full = joined(path(), name);
  const Type type{dtype, shape};
  if (s.initializing) {
    return declare(s, {.name = full, .type = type, .init = init, .is_state = true});
  }
  const Tensor& x = find(s.state, full, "state", s.where);
  expect_type(x, type, full, {}, s.where);
  return x;
}

void Scope::set_state(const std::string& name, const Tensor& value) {
  ScopeState& s = *state_;
  if (s.initializing) return;
  const std::string full = joined(path(), name);
  find(s.state, full, "state", s.where);
  s.state[full] = value;
}

std::string Scope::take_path(const std::string& name) {
  auto& names = state_->frames.back().names;
  std::string unique = name;
  for (int i = 1; !names.insert(unique).second; ++i)
    unique = fmt::format("{}_{}", name, i);
  return joined(path(), unique);
}

namespace {

/// Adds the layer to the message of an error from within, once.
template <class Kind>
[[noreturn]] void rethrow(const Kind& e, const std::string& path) {
  Message message = e.message();
  if (message.what.starts_with("in layer ")) throw e;
  message.what = fmt::format("in layer {}: {}", path, message.what);
  throw Kind(std::move(message));
}

/// One deeper than the layer around, if there is one.
int depth_of(const ScopeState& s) {
  const int around = s.frames.back().record;
  return around < 0 ? 0 : s.records[static_cast<size_t>(around)].depth + 1;
}

/// The frame and the record of a layer while it runs.
class Visit {
 public:
  Visit(ScopeState& s, ScopeState::Frame frame, std::string description, bool is_group) : s_(s) {
    if (s.initializing) {
      frame.record = static_cast<int>(s.records.size());
      s.records.push_back({.path = frame.path,
                           .description = std::move(description),
                           .depth = depth_of(s),
                           .is_group = is_group});
    }
    s_.frames.push_back(std::move(frame));
  }
  ~Visit() { s_.frames.pop_back(); }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  void finish(const Tensor& y) {
    const int record = s_.frames.back().record;
    if (record >= 0) s_.records[static_cast<size_t>(record)].output = y.type(s_.where);
  }

 private:
  ScopeState& s_;
};

}  // namespace

Tensor Scope::within(const std::string& path, const std::string& description, const Tensor& x,
                     const std::function<Tensor(const Tensor&)>& body) {
  Visit visit(*state_, {.path = path}, description, false);
  try {
    const Tensor y = body(x);
    visit.finish(y);
    return y;
  } catch (const ShapeError& e) {
    rethrow(e, path);
  } catch (const DTypeError& e) {
    rethrow(e, path);
  } catch (const ValueError& e) {
    rethrow(e, path);
  }
}

Tensor Scope::group(const std::string& description, const Tensor& x,
                    const std::function<Tensor(const Tensor&)>& body) {
  // The group's layers are named among its neighbours.
  ScopeState::Frame frame = state_->frames.back();
  Visit visit(*state_, frame, description, true);
  const Tensor y = body(x);
  visit.finish(y);
  state_->frames[state_->frames.size() - 2].names = state_->frames.back().names;
  return y;
}

namespace detail {
namespace {

Variables make_variables(const std::vector<VariableSpec>& specs, int draws, const Tensor& key) {
  std::vector<Tensor> subkeys;
  KeySequence keys(key);
  for (int i = 0; i < draws; ++i)
    subkeys.push_back(keys.next());
  Variables made;
  for (const VariableSpec& spec : specs) {
    const Tensor subkey = spec.draw >= 0 ? subkeys[static_cast<size_t>(spec.draw)] : Tensor{};
    Tensor value = spec.init(subkey, spec.type.shape, spec.type.dtype);
    if (value.type() != spec.type) {
      throw ShapeError(
          Message{"nn::init",
                  fmt::format("an initialiser made another type; got {} for {}, "
                              "expected {}",
                              to_string(value.type()), spec.name, to_string(spec.type)),
                  {},
                  "return a tensor of the shape and element type that are asked for"});
    }
    (spec.is_state ? made.state : made.params)[spec.name] = std::move(value);
  }
  return made;
}

}  // namespace

Variables initialize(const ScopeState& described, const Tensor& key) {
  const auto& specs = described.specs;
  const int draws = described.draws;
  if (specs.empty()) return {};
  if (gradus::detail::is_tracing()) return make_variables(specs, draws, key);
  // One program for all of them.
  const auto make = jit([&](Tensor key) { return make_variables(specs, draws, key); },
                        {.name = "nn::init"}, described.where);
  return make(key);
}

std::unique_ptr<ScopeState> describe(const std::function<Tensor(Scope&, const Tensor&)>& model,
                                     const Type& example, Mode mode, SourcePos where) {
  Scope scope(std::make_unique<ScopeState>(mode, where));
  eval_shape([&] {
    const bool is_key = example.dtype == DType::Key && example.rank() == 0;
    return model(scope, is_key ? random::key(0) : zeros(example.shape, example.dtype, where));
  });
  return std::make_unique<ScopeState>(std::move(scope.internals()));
}

}  // namespace detail
}  // namespace gradus::nn
