// Tracing: while a transform runs the user's function, operations append nodes to the innermost
// open trace of the thread. Internal to the frontend.
//
// Dispatch is by context, not by the operands' types: an operation belongs to the innermost trace,
// whatever it is applied to. Operands of outer traces, and concrete tensors, are captured: each
// becomes a parameter of the inner graph, and when that graph is closed and inlined, an operand in
// the trace outside (closure conversion). So an inner derivative sees them as constants, and
// perturbations of different levels cannot meet.
//
// The lowest trace is a root: `Jit` (its graph is compiled for good; a concrete tensor from outside is
// an error, one that the function makes is a constant), or `Eager` (compiled for this call and found
// again by content; concrete tensors and the user's scalar literals become inputs, so that new values
// do not compile again).
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/builder.h"
#include "frontend/tensor_impl.h"

namespace gradus::detail {

class Trace {
 public:
  enum class Kind : uint8_t { Jit, Eager, Inner };

  /// Opens a trace and makes it the thread's innermost; `transform` is a name with static lifetime
  /// for messages ("jit", "grad").
  Trace(Kind kind, const char* transform, std::string graph_name = "main");
  /// Closes it, finished or not: an exception leaves no trace open.
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// The thread's innermost open trace, or null.
  static Trace* innermost();
  /// The thread's lowest open trace, or null.
  static Trace* root();

  uint64_t id() const { return id_; }
  Kind kind() const { return kind_; }
  const char* transform() const { return transform_; }
  ir::Builder& builder() { return builder_; }

  /// A new input, as a tensor of this trace.
  Tensor parameter(const Type& type, std::string name = {});
  /// Where `x` is in this graph; captures it if it is from outside. Throws ValueError,
  /// DonatedError, TraceError (escaped from a closed trace; concrete in a Jit).
  ir::Value value_of(const Tensor& x);
  Tensor wrap(ir::Value v);

  /// The tensors from outside, in the order of their parameters, which follow the explicit ones.
  const std::vector<Tensor>& captured() const { return captured_; }

  /// Ends construction. Captured inputs stand after the explicit ones.
  ir::Graph finish(std::span<const Tensor> outputs, std::vector<std::string> names = {});

 private:
  friend void note_key_use(const Tensor& key);
  ir::Value capture(const Tensor& x);

  Kind kind_;
  const char* transform_;
  uint64_t id_;
  ir::Builder builder_;
  std::vector<Tensor> captured_;
  std::unordered_map<TensorImpl*, ir::Value> capture_of_;
  std::unordered_map<uint64_t, ir::Value> outer_value_of_;
  std::unordered_map<uint64_t, SourcePos> used_keys_;
};

/// The user's position: that of the outermost public call since the user's code was entered.
void enter_position(const char* op, SourcePos where);
void leave_position();

class PositionScope {
 public:
  PositionScope(const char* op, SourcePos where) { enter_position(op, where); }
  ~PositionScope() { leave_position(); }
  PositionScope(const PositionScope&) = delete;
  PositionScope& operator=(const PositionScope&) = delete;
};

/// Position and name of the outermost public call; empty outside.
SourcePos position();
const char* current_op();
/// Whether a literal seen now was written by the user, not by the library's own code.
bool is_user_level();

/// Around calls of the user's functions: operations in there have positions of their own.
class UserCode {
 public:
  UserCode();
  ~UserCode();
  UserCode(const UserCode&) = delete;
  UserCode& operator=(const UserCode&) = delete;

 private:
  SourcePos position_;
  const char* op_;
  int depth_;
};

/// What the user's line is told; `Kind` is one of the error types.
template <class Kind>
[[noreturn]] void fail(std::string what, std::string remedy) {
  throw Kind(Message{current_op() ? current_op() : "gradus", std::move(what), position(),
                     std::move(remedy)});
}

struct AttrValue {
  std::string_view name;
  ir::Attr value;
};

/// Appends an op to the innermost trace, which must be open.
std::vector<Tensor> emit_all(const ops::OpDef& op, std::span<const Tensor> operands,
                             std::vector<AttrValue> attrs);
Tensor emit(std::string_view op, std::initializer_list<Tensor> operands,
            std::vector<AttrValue> attrs = {});
std::vector<Tensor> emit_many(std::string_view op, std::span<const Tensor> operands,
                              std::vector<AttrValue> attrs = {});
Tensor emit_constant(ir::Literal literal);

/// Warns, naming both lines, if this traced key has been used for a draw or a split before.
void note_key_use(const Tensor& key);

/// Runs what an Eager trace has recorded and makes `results` concrete.
void run_eager(Trace& trace, std::span<Tensor* const> results);

inline void collect(std::vector<Tensor*>& to, Tensor& x) {
  to.push_back(&x);
}
inline void collect(std::vector<Tensor*>& to, std::vector<Tensor>& xs) {
  for (Tensor& x : xs)
    to.push_back(&x);
}
template <size_t N>
void collect(std::vector<Tensor*>& to, std::array<Tensor, N>& xs) {
  for (Tensor& x : xs)
    to.push_back(&x);
}

/// The body of every public operation: sets the user's position; outside a trace the whole body
/// becomes one compiled program.
template <class F>
auto run_op(const char* op, SourcePos where, F&& body) {
  PositionScope scope(op, where);
  if (Trace::innermost()) return body();
  Trace root(Trace::Kind::Eager, op, op);
  auto result = body();
  std::vector<Tensor*> results;
  collect(results, result);
  run_eager(root, results);
  return result;
}

}  // namespace gradus::detail
