#include "frontend/trace.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "compiler/ops/op.h"
#include "frontend/executables.h"
#include "runtime/log.h"

namespace gradus {
namespace detail {
namespace {

thread_local std::vector<Trace*> open_traces;

struct Position {
  SourcePos where;
  const char* op = nullptr;
  int depth = 0;
};
thread_local Position user;

std::atomic<uint64_t> next_trace_id{1};

uint64_t number_of(ir::Value v) {
  return uint64_t{v.node} << 16 | v.out;
}

ir::Literal literal_of(const Type& type, const BufferPtr& buffer) {
  return type.rank() == 0 ? ir::Literal::splat(type, buffer->data())
                          : ir::Literal::dense(type, buffer->data());
}

}  // namespace

Trace::Trace(Kind kind, const char* transform, std::string graph_name)
    : kind_(kind),
      transform_(transform),
      id_(next_trace_id.fetch_add(1, std::memory_order_relaxed)),
      builder_(std::move(graph_name)) {
  open_traces.push_back(this);
}

Trace::~Trace() {
  GRADUS_CHECK(!open_traces.empty() && open_traces.back() == this);
  open_traces.pop_back();
}

Trace* Trace::innermost() {
  return open_traces.empty() ? nullptr : open_traces.back();
}
Trace* Trace::root() {
  return open_traces.empty() ? nullptr : open_traces.front();
}

uint64_t open_root() {
  return Trace::root() ? Trace::root()->id() : 0;
}

Tensor Trace::parameter(const Type& type, std::string name) {
  return wrap(builder_.parameter(type, std::move(name)));
}

Tensor Trace::wrap(ir::Value v) {
  return wrap_value(builder_.type(v), id_, v, position());
}

ir::Value Trace::value_of(const Tensor& x) {
  if (x.is_empty()) fail_empty(position());
  const TensorImpl& impl = *impl_of(x);
  if (impl.state == TensorImpl::State::Traced && impl.trace == id_) return impl.value;
  return capture(x);
}

ir::Value Trace::capture(const Tensor& x) {
  TensorImpl* impl = impl_of(x);
  if (impl->state == TensorImpl::State::Traced) {
    if (std::ranges::none_of(open_traces, [&](Trace* t) { return t->id_ == impl->trace; })) {
      fail<TraceError>(
          fmt::format("a traced tensor escaped its trace; got {}, expected a tensor of the "
                      "function being traced or of one around it",
                      describe(*impl)),
          "return it from the traced function instead of keeping it in a variable outside");
    }
    // An id's low 16 bits tell the open traces of a thread apart.
    const uint64_t key = impl->trace << 48 ^ number_of(impl->value);
    if (const auto it = outer_value_of_.find(key); it != outer_value_of_.end()) return it->second;
    const ir::Value v = builder_.parameter(*impl->type);
    captured_.push_back(x);
    outer_value_of_.emplace(key, v);
    return v;
  }
  const BufferPtr& buffer = buffer_of(current_op() ? current_op() : "trace", x, position());
  if (const auto it = capture_of_.find(impl); it != capture_of_.end()) return it->second;
  if (root()->kind() == Kind::Jit) {
    if (impl->type->rank() != 0 && impl->root != root()->id_) {
      throw TraceError(Message{
          "jit",
          fmt::format("a tensor from outside is used in a jitted function, where later changes of "
                      "its variable would not be seen; got {}",
                      describe(*impl)),
          position(), "pass it as an argument, or say constant(…) if it never changes"});
    }
    return builder_.constant(literal_of(*impl->type, buffer));
  }
  const ir::Value v = builder_.parameter(*impl->type);
  captured_.push_back(x);  // keeps it alive, so that its address stays its own
  capture_of_.emplace(impl, v);
  return v;
}

ir::Graph Trace::finish(std::span<const Tensor> outputs, std::vector<std::string> names) {
  std::vector<ir::Value> values;
  values.reserve(outputs.size());
  for (const Tensor& x : outputs)
    values.push_back(value_of(x));
  return builder_.finish(values, std::move(names));
}

void enter_position(const char* op, SourcePos where) {
  if (user.depth++ == 0) {
    user.where = where;
    user.op = op;
  }
}

void leave_position() {
  if (--user.depth == 0) {
    user.where = {};
    user.op = nullptr;
  }
}

SourcePos position() {
  return user.where;
}
const char* current_op() {
  return user.op;
}
bool is_user_level() {
  return user.depth <= 1;
}

UserCode::UserCode() : position_(user.where), op_(user.op), depth_(user.depth) {
  user = {};
}
UserCode::~UserCode() {
  user = {position_, op_, depth_};
}

std::vector<Tensor> emit_all(const ops::OpDef& op, std::span<const Tensor> operands,
                             std::vector<AttrValue> attrs) {
  Trace& trace = *Trace::innermost();
  trace.builder().set_source(position());
  std::vector<ir::Value> values;
  values.reserve(operands.size());
  for (const Tensor& x : operands)
    values.push_back(trace.value_of(x));
  ir::Attrs ordered(attrs.size());
  for (AttrValue& attr : attrs)
    ordered[op.attribute(attr.name)] = std::move(attr.value);
  std::vector<Tensor> results;
  for (ir::Value v : trace.builder().add_node(op, values, std::move(ordered))) {
    results.push_back(trace.wrap(v));
  }
  return results;
}

Tensor emit(std::string_view op, std::initializer_list<Tensor> operands,
            std::vector<AttrValue> attrs) {
  return emit_all(ops::op_named(op), std::span(operands.begin(), operands.size()),
                  std::move(attrs))[0];
}

std::vector<Tensor> emit_many(std::string_view op, std::span<const Tensor> operands,
                              std::vector<AttrValue> attrs) {
  return emit_all(ops::op_named(op), operands, std::move(attrs));
}

Tensor emit_constant(ir::Literal literal) {
  Trace& trace = *Trace::innermost();
  trace.builder().set_source(position());
  return trace.wrap(trace.builder().constant(std::move(literal)));
}

void note_key_use(const Tensor& key) {
  if (!key.is_traced()) return;
  const TensorImpl& impl = *impl_of(key);
  const auto trace =
      std::ranges::find_if(open_traces, [&](Trace* t) { return t->id_ == impl.trace; });
  if (trace == open_traces.end()) return;
  const auto [use, is_first] = (*trace)->used_keys_.emplace(number_of(impl.value), position());
  if (is_first) return;
  GRADUS_LOG(
      Warning,
      "[{}] a key is used twice, so equal numbers are drawn; first at {}:{}; {}:{}; split the "
      "key and use each part once",
      current_op(), use->second.file ? use->second.file : "?", use->second.line,
      position().file ? position().file : "?", position().line);
}

void run_eager(Trace& trace, std::span<Tensor* const> results) {
  std::vector<Tensor*> pending;
  std::vector<Tensor> outputs;
  for (Tensor* x : results) {
    if (!x->is_traced()) continue;
    pending.push_back(x);
    outputs.push_back(*x);
  }
  if (pending.empty()) return;
  const auto executable = executable_for(trace.finish(outputs));
  std::vector<BufferPtr> in, out(outputs.size());
  for (const Tensor& x : trace.captured())
    in.push_back(impl_of(x)->buffer);
  executable->run(in, out);
  for (size_t i = 0; i < out.size(); ++i) {
    *pending[i] = wrap_buffer(interned(executable->output_types()[i]), std::move(out[i]),
                              impl_of(outputs[i])->made);
  }
}

}  // namespace detail

Tensor constant(const Tensor& x, SourcePos where) {
  using namespace detail;
  if (x.is_traced() || !Trace::innermost()) return x;
  PositionScope scope("constant", where);
  const BufferPtr& buffer = buffer_of("constant", x, where);
  return emit_constant(literal_of(x.type(), buffer));
}

}  // namespace gradus
