// What a layer sees while it runs: its parameters and state by name, keys, the mode. A model is
// first run without values, on shapes alone, to learn which parameters it has (init), later with
// them (apply); the layer's code is the same.
//
// Names are Haiku's: a layer has its own ("linear"), made unique among its neighbours by a number
// ("linear_1"), and parameters follow behind a slash: "linear/w".
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gradus/nn/initializers.h>
#include <gradus/transform.h>

namespace gradus::nn {

/// Named parameters, a tree: "conv2d_1/b".
using Params = std::map<std::string, Tensor>;
/// What changes from call to call without a gradient: running means, keys.
using State = std::map<std::string, Tensor>;

enum class Mode : uint8_t { Test, Train };

struct Variables {
  Params params;
  State state;
};

/// How a model is run: the mode, and the key that layers draw from.
struct Run {
  Run(Mode mode = Mode::Test) : mode(mode) {}
  Run(Mode mode, Tensor key) : mode(mode), key(std::move(key)) {}

  Mode mode;
  Tensor key;
};

/// Successive keys: key, subkey = split(key), the subkey being given out; Haiku's PRNGSequence.
class KeySequence {
 public:
  explicit KeySequence(Tensor key) : key_(std::move(key)) {}
  explicit KeySequence(int64_t seed) : key_(random::key(seed)) {}
  Tensor next(SourcePos where = SourcePos::here());

 private:
  Tensor key_;
};

namespace detail {
class ScopeState;
struct LayerRecord;
}  // namespace detail

class Scope {
 public:
  explicit Scope(std::unique_ptr<detail::ScopeState> state);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// The parameter of that name, within the current layer. While the model is initialised it is
  /// made as `init` says. Throws ValueError, naming the path, if there is none, ShapeError or
  /// DTypeError if it is not of this type; `input` is what its shape follows from, for the message.
  Tensor param(const std::string& name, const Shape& shape, const Initializer& init,
               DType dtype = DType::F32, const Tensor& input = {});
  /// The value that state had before this call, or has been set to since.
  Tensor state(const std::string& name, const Shape& shape, const Initializer& init,
               DType dtype = DType::F32);
  void set_state(const std::string& name, const Tensor& value);

  /// The next key of the sequence. ValueError if the model is run without a key.
  Tensor next_key();
  bool has_key() const;

  Mode mode() const;
  bool is_training() const { return mode() == Mode::Train; }
  /// Whether the model is being initialised: tensors have no values.
  bool is_initializing() const;

  /// Path of the current layer: "encoder/linear_1"; empty outside all.
  std::string path() const;
  /// The line of the call of init or apply.
  SourcePos where() const;

  /// The path of a new layer here, its name made unique: "linear", "linear_1", …
  std::string take_path(const std::string& name);
  /// Runs `body` as the layer of that path: its parameters stand there, names of layers within
  /// start anew. Errors of shapes, types and values name the layer.
  Tensor within(const std::string& path, const std::string& description, const Tensor& x,
                const std::function<Tensor(const Tensor&)>& body);
  /// Runs `body` as a group of layers that has no name of its own.
  Tensor group(const std::string& description, const Tensor& x,
               const std::function<Tensor(const Tensor&)>& body);

  detail::ScopeState& internals() { return *state_; }

 private:
  std::unique_ptr<detail::ScopeState> state_;
};

}  // namespace gradus::nn
