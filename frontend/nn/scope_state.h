// What stands behind a Scope. Internal to nn.
#pragma once

#include <functional>
#include <set>

#include "frontend/nn/scope.h"

namespace gradus::nn {
class Summary;
}  // namespace gradus::nn

namespace gradus::nn::detail {

/// A parameter or an entry of state that a model asked for.
struct VariableSpec {
  std::string name;
  Type type;
  Initializer init;
  bool is_state = false;
  /// Which key of the sequence it is made from; -1: none.
  int draw = -1;
};

/// A layer or group as it was met, for summaries.
struct LayerRecord {
  std::string path, description;
  int depth = 0;
  bool is_group = false;
  std::optional<Type> output;
  std::vector<size_t> params, state;  // of the list of specs
};

class ScopeState {
 public:
  /// Initialising: nothing is given, all that is asked for is noted.
  ScopeState(Mode mode, SourcePos where) : initializing(true), mode(mode), where(where) {
    frames.emplace_back();
  }
  ScopeState(const Params& params, const State& state, const Run& run, SourcePos where)
      : initializing(false), mode(run.mode), where(where), params(&params), state(state) {
    if (!run.key.is_empty()) keys.emplace(run.key);
    frames.emplace_back();
  }

  struct Frame {
    std::string path;
    std::set<std::string> names;
    int record = -1;
  };

  bool initializing;
  Mode mode;
  SourcePos where;
  const Params* params = nullptr;
  State state;
  std::optional<KeySequence> keys;
  std::vector<Frame> frames;

  std::vector<VariableSpec> specs;
  std::map<std::string, size_t> spec_of;  // "p" or "s" and the name
  int draws = 0;
  std::vector<LayerRecord> records;
};

/// Makes what the model asked for, the keys being those of the sequence from `key`; outside traces
/// as one compiled program.
Variables initialize(const ScopeState& described, const Tensor& key);

Summary summary_of(const ScopeState& described);

/// Runs a model on shapes, noting what it asks for.
std::unique_ptr<ScopeState> describe(const std::function<Tensor(Scope&, const Tensor&)>& model,
                                     const Type& example, Mode mode, SourcePos where);

}  // namespace gradus::nn::detail
