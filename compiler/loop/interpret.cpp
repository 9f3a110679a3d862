// The kernel run one point at a time, lanes of a vector loop one after the other, every operation
// by `evaluate`. What a valid kernel must not depend on is checked on the way: that undefined
// registers reach no memory, no address and no predicate; that no lane reads or overwrites what
// another lane of the same vector loop stores; that an element stored through one parameter is not
// read afterwards through another.
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <unordered_map>

#include "compiler/loop/loop_ir.h"
#include "compiler/loop/walk.h"
#include "runtime/error.h"

namespace gradus::loop {
namespace {

static_assert(std::endian::native == std::endian::little, "bits are copied to and from memory");

constexpr int kDefined = -1;

/// A register's or expression's bits; where they are undefined, the local whose bits they come
/// from.
struct Value {
  Bits bits = 0;
  int undefined = kDefined;
};

/// What happened to an element of memory. `pass` numbers the runs of vector loops; 0: outside them.
struct Touch {
  int store_buffer = -1;
  int64_t store_pass = 0, store_lane = 0;
  int64_t load_pass = 0, first_lane = 0, last_lane = 0;
};

class Machine {
 public:
  Machine(const Kernel& kernel, std::span<void* const> buffers, std::span<const int64_t> args)
      : k_(kernel),
        buffers_(buffers),
        args_(args),
        variables_(kernel.variables.size(), 0),
        open_(kernel.variables.size(), false),
        cones_(kernel.exprs.size()),
        values_(kernel.exprs.size()) {
    for (size_t i = 0; i < k_.locals.size(); ++i) {
      int64_t size = 1;
      for (int d : k_.locals[i].dims)
        size *= k_.variables[d].count;
      locals_.emplace_back(size, Value{0, static_cast<int>(i)});
    }
    for (size_t b = 0; b < k_.buffers.size(); ++b) {
      bool shared = false;
      for (size_t other = 0; other < k_.buffers.size(); ++other) {
        const bool may_be = k_.buffers[other].alias_group == k_.buffers[b].alias_group;
        shared |= k_.buffers[other].written && (may_be || buffers[other] == buffers[b]);
      }
      watched_.push_back(shared);
    }
  }

  /// Loop nests are as deep as kernels have axes: recursion is bounded.
  void run(const std::vector<Stmt>& body) {
    for (const Stmt& s : body) {
      switch (s.kind) {
        case Stmt::Kind::For:
          run_for(s);
          break;
        case Stmt::Kind::Assign:
          element(s.local) = value_of(s.expr);
          break;
        case Stmt::Kind::Store:
          store(s.buffer, value_of(s.index), value_of(s.expr));
          break;
        case Stmt::Kind::LaneReduce:
          lane_reduce(s);
          break;
      }
    }
  }

 private:
  template <class... A>
  [[noreturn]] void fail(fmt::format_string<A...> format, A&&... a) const {
    throw InternalError(fmt::format("internal error (a bug in Gradus): loop kernel '{}': {}",
                                    k_.name, fmt::format(format, std::forward<A>(a)...)));
  }

  // Loops.

  void run_for(const Stmt& s) {
    const int64_t count = value_of(s.count);
    const bool vector = k_.variables[s.variable].kind == LoopKind::Vector;
    if (vector) pass_ = ++passes_;
    open_[s.variable] = true;
    for (int64_t i = 0; i < count; ++i) {
      variables_[s.variable] = i;
      if (vector) lane_ = i;
      if (!s.limit || value_of(*s.limit) < value_of(s.bound)) {
        run(s.body);
      } else {
        forget(s.body);
      }
    }
    open_[s.variable] = false;
    if (vector) pass_ = 0;
  }

  /// What a point that is not run leaves behind: what it would have assigned is undefined, unless
  /// the assignment merges.
  void forget(const std::vector<Stmt>& body) {
    for (const Stmt& s : body) {
      if (s.kind == Stmt::Kind::Assign && !s.merge) element(s.local).undefined = s.local;
    }
  }

  // Indices and registers.

  int64_t value_of(const Coefficient& c) const {
    return c.arg < 0 ? c.factor : c.factor * args_[c.arg];
  }

  int64_t value_of(const Index& index) const {
    int64_t sum = 0;
    for (const Term& t : index.terms) {
      sum += value_of(t.coefficient) * (t.variable < 0 ? 1 : variables_[t.variable]);
    }
    return sum;
  }

  int64_t position(const std::vector<int>& dims) const {
    int64_t at = 0;
    for (int d : dims)
      at = at * k_.variables[d].count + variables_[d];
    return at;
  }

  Value& element(int local) { return locals_[local][position(k_.locals[local].dims)]; }

  // Expressions.

  Value value_of(int root) {
    std::vector<int>& cone = cones_[root];
    if (cone.empty()) cone = cone_of(k_, root);
    for (int i : cone)
      values_[i] = compute(k_.exprs[i]);
    return values_[root];
  }

  Value compute(const Expr& e) {
    switch (e.kind) {
      case Expr::Kind::Constant:
        return {e.bits, kDefined};
      case Expr::Kind::Local:
        return element(e.local);
      case Expr::Kind::Index: {
        const Bits index = static_cast<Bits>(value_of(e.index));
        return {evaluate(ScalarOp::Convert, DType::I64, e.dtype, {&index, 1}), kDefined};
      }
      case Expr::Kind::Load:
        return load(e);
      case Expr::Kind::Op:
        return apply(e);
    }
    __builtin_unreachable();
  }

  Value apply(const Expr& e) const {
    const int operands = operands_of(e.op);
    std::array<Bits, 3> in{};
    int undefined = kDefined;
    for (int i = 0; i < operands; ++i)
      in[i] = values_[e.in[i]].bits;
    if (e.op == ScalarOp::Select) {
      // What is not selected may be undefined.
      undefined = values_[e.in[0]].undefined;
      if (undefined == kDefined) undefined = values_[e.in[in[0] ? 1 : 2]].undefined;
    } else {
      for (int i = 0; i < operands && undefined == kDefined; ++i) {
        undefined = values_[e.in[i]].undefined;
      }
    }
    const DType type = k_.exprs[e.in[operands - 1]].dtype;
    return {evaluate(e.op, type, e.dtype, {in.data(), static_cast<size_t>(operands)}), undefined};
  }

  void require_defined(const Value& v, const char* where) const {
    if (v.undefined != kDefined) {
      fail("{} depends on an undefined value of local '{}'", where, k_.locals[v.undefined].name);
    }
  }

  // Memory.

  Value load(const Expr& e) {
    if (e.predicate >= 0) {
      require_defined(values_[e.predicate], "a predicate");
      if (!values_[e.predicate].bits) return values_[e.otherwise];
    }
    int64_t index = value_of(e.index);
    if (e.offset >= 0) {
      require_defined(values_[e.offset], "an offset");
      index += static_cast<int64_t>(values_[e.offset].bits);
    }
    const size_t size = size_of(e.dtype);
    const std::byte* at = static_cast<const std::byte*>(buffers_[e.buffer]) + index * int64_t(size);
    if (watched_[e.buffer]) check_load(e.buffer, at);
    Bits bits = 0;
    std::memcpy(&bits, at, size);
    if (e.dtype == DType::Bool) bits = bits != 0;
    return {bits, kDefined};
  }

  void store(int buffer, int64_t index, const Value& v) {
    require_defined(v, "a stored value");
    const size_t size = size_of(k_.buffers[buffer].dtype);
    std::byte* at = static_cast<std::byte*>(buffers_[buffer]) + index * int64_t(size);
    check_store(buffer, at);
    std::memcpy(at, &v.bits, size);
  }

  void check_load(int buffer, const void* at) {
    Touch& t = touched_[at];
    if (t.store_buffer >= 0) {
      if (t.store_buffer != buffer) {
        fail("an element is read as b{} after it was stored as b{}", buffer, t.store_buffer);
      }
      if (pass_ && t.store_pass == pass_ && t.store_lane != lane_) {
        fail("a lane reads from b{} what another lane of its vector loop stored", buffer);
      }
    }
    if (!pass_) return;
    if (t.load_pass != pass_) t.first_lane = lane_;
    t.load_pass = pass_;
    t.last_lane = lane_;
  }

  void check_store(int buffer, const void* at) {
    Touch& t = touched_[at];
    if (pass_ && t.store_pass == pass_ && t.store_lane != lane_) {
      fail("two lanes of a vector loop store to one element of b{}", buffer);
    }
    if (pass_ && t.load_pass == pass_ && (t.first_lane != lane_ || t.last_lane != lane_)) {
      fail("a lane stores to b{} what another lane of its vector loop read", buffer);
    }
    t.store_buffer = buffer;
    t.store_pass = pass_;
    t.store_lane = lane_;
  }

  // The canonical tree over 16 lanes.

  /// Every element over the target's dims whose loops are not open.
  void lane_reduce(const Stmt& s, size_t dim = 0) {
    const std::vector<int>& over = k_.locals[s.targets[0]].dims;
    for (; dim < over.size(); ++dim) {
      const int d = over[dim];
      if (open_[d]) continue;
      open_[d] = true;
      for (variables_[d] = 0; variables_[d] < k_.variables[d].count; ++variables_[d]) {
        lane_reduce(s, dim + 1);
      }
      open_[d] = false;
      return;
    }
    lane_reduce_here(s);
  }

  void lane_reduce_here(const Stmt& s) {
    ScalarBuilder program;
    std::vector<V> acc, x;
    for (int l : s.sources)
      acc.push_back(program.input(k_.locals[l].dtype, int(acc.size())));
    for (int l : s.sources) {
      x.push_back(program.input(k_.locals[l].dtype, int(acc.size() + x.size())));
    }
    const std::vector<V> results = combine(program, s.reduce, acc, x);

    const size_t values = s.sources.size();
    std::vector<std::array<Bits, 16>> lanes(values);
    for (size_t i = 0; i < values; ++i) {
      const std::vector<int>& dims = k_.locals[s.sources[i]].dims;
      const int64_t first = position({dims.begin(), dims.end() - 2}) * 16;
      for (int j = 0; j < 16; ++j) {
        const Value& lane = locals_[s.sources[i]][first + j];
        require_defined(lane, "a lane reduction");
        lanes[i][j] = lane.bits;
      }
    }
    std::vector<Bits> in(2 * values);
    for (int h = 8; h > 0; h /= 2) {
      for (int j = 0; j < h; ++j) {
        for (size_t i = 0; i < values; ++i) {
          in[i] = lanes[i][j];
          in[values + i] = lanes[i][j + h];
        }
        const std::vector<Bits> out = run(program, in);
        for (size_t i = 0; i < values; ++i)
          lanes[i][j] = out[results[i].id];
      }
    }
    for (size_t i = 0; i < values; ++i)
      element(s.targets[i]) = {lanes[i][0], kDefined};
  }

  static std::vector<Bits> run(const ScalarBuilder& program, std::span<const Bits> inputs) {
    std::vector<Bits> bits;
    for (const ScalarNode& n : program.nodes()) {
      switch (n.kind) {
        case ScalarNode::Kind::Input:
          bits.push_back(inputs[n.bits]);
          break;
        case ScalarNode::Kind::Constant:
          bits.push_back(n.bits);
          break;
        case ScalarNode::Kind::Op: {
          const int operands = operands_of(n.op);
          std::array<Bits, 3> in{};
          for (int i = 0; i < operands; ++i)
            in[i] = bits[n.in[i]];
          const DType type = program.nodes()[n.in[operands - 1]].dtype;
          bits.push_back(evaluate(n.op, type, n.dtype, {in.data(), static_cast<size_t>(operands)}));
        }
      }
    }
    return bits;
  }

  const Kernel& k_;
  std::span<void* const> buffers_;
  std::span<const int64_t> args_;
  std::vector<int64_t> variables_;
  std::vector<bool> open_;  // variables whose loops are running
  std::vector<std::vector<Value>> locals_;
  std::vector<std::vector<int>> cones_;  // by root, filled on first use
  std::vector<Value> values_;            // of the statement being run
  std::vector<bool> watched_;            // buffers that share memory with a written one
  std::unordered_map<const void*, Touch> touched_;
  int64_t passes_ = 0, pass_ = 0, lane_ = 0;
};

}  // namespace

void interpret(const Kernel& kernel, std::span<void* const> buffers,
               std::span<const int64_t> args) {
  verify(kernel);
  GRADUS_CHECK(buffers.size() == kernel.buffers.size(), "wrong number of buffers");
  GRADUS_CHECK(args.size() == kernel.args.size(), "wrong number of arguments");
  Machine(kernel, buffers, args).run(kernel.body);
}

}  // namespace gradus::loop
