// The specification of the loop IR as a checker: first the tables, whose numbers everything else
// relies on, then the statements in the order in which they run.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "compiler/loop/loop_ir.h"
#include "compiler/loop/walk.h"
#include "runtime/error.h"

namespace gradus::loop {
namespace {

bool is_number(DType d) {
  return is_integer(d) || is_float(d);
}

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel)
      : k_(kernel), open_(kernel.variables.size(), false), assigned_(kernel.locals.size(), false) {}

  void run() {
    check_tables();
    for (size_t i = 0; i < k_.exprs.size(); ++i)
      check_expr(static_cast<int>(i));
    check_distinct();
    check_body(k_.body);
  }

 private:
  template <class... A>
  [[noreturn]] void fail(fmt::format_string<A...> format, A&&... a) const {
    throw InternalError(fmt::format("internal error (a bug in Gradus): loop kernel '{}': {}{}",
                                    k_.name, fmt::format(format, std::forward<A>(a)...), context_));
  }

  template <class... A>
  void require(bool holds, fmt::format_string<A...> format, A&&... a) const {
    if (!holds) fail(format, std::forward<A>(a)...);
  }

  template <class T>
  static bool within(int number, const std::vector<T>& table) {
    return number >= 0 && static_cast<size_t>(number) < table.size();
  }

  LoopKind kind_of_variable(int v) const { return k_.variables[v].kind; }
  bool is_constant_kind(int v) const {
    return kind_of_variable(v) == LoopKind::Unroll || kind_of_variable(v) == LoopKind::Vector;
  }

  void check_tables() {
    constexpr int most = static_cast<int>(NumberSet().size());
    require(std::max({k_.buffers.size(), k_.variables.size(), k_.locals.size()}) <= most,
            "more than {} buffers, variables or locals", most);
    for (size_t i = 0; i < k_.buffers.size(); ++i) {
      require(k_.buffers[i].dtype != DType::Key, "buffer b{} holds keys", i);
      const int group = k_.buffers[i].alias_group;
      require(group >= 0 && group < most, "buffer b{} has the alias group {}", i, group);
    }
    for (const Variable& v : k_.variables) {
      const bool constant = v.kind == LoopKind::Unroll || v.kind == LoopKind::Vector;
      require(!constant || v.count >= 1, "variable '{}' has the count {}", v.name, v.count);
    }
    for (const Local& l : k_.locals) {
      require(l.dtype != DType::Key, "local '{}' holds a key", l.name);
      for (size_t d = 0; d < l.dims.size(); ++d) {
        const int v = l.dims[d];
        require(within(v, k_.variables), "local '{}' has the unknown dim {}", l.name, v);
        require(is_constant_kind(v), "dim '{}' of local '{}' is neither unrolled nor a vector's",
                k_.variables[v].name, l.name);
        require(std::count(l.dims.begin(), l.dims.end(), v) == 1,
                "local '{}' has the dim '{}' twice", l.name, k_.variables[v].name);
        require(kind_of_variable(v) != LoopKind::Vector || d + 1 == l.dims.size(),
                "local '{}' has the vector dim '{}' before its last", l.name, k_.variables[v].name);
      }
    }
  }

  void check_coefficient(const Coefficient& c) const {
    require(c.arg >= -1 && c.arg < static_cast<int>(k_.args.size()), "unknown argument a{}", c.arg);
  }

  void check_index(const Index& index) const {
    for (const Term& t : index.terms) {
      require(t.variable >= -1 && t.variable < static_cast<int>(k_.variables.size()),
              "unknown variable {}", t.variable);
      check_coefficient(t.coefficient);
    }
  }

  // Expressions: fields by kind, operands before users, dtypes.

  void check_expr(int number) {
    const Expr& e = k_.exprs[number];
    context_ = fmt::format(" (expression {})", number);
    require(e.dtype != DType::Key, "an expression of keys");
    for_each_operand(e, [&](int operand) {
      require(operand < number, "operand {} does not precede its user", operand);
    });
    const bool is_op = e.kind == Expr::Kind::Op, is_load = e.kind == Expr::Kind::Load;
    require(is_op || (e.in[0] < 0 && e.in[1] < 0 && e.in[2] < 0), "operands of what is no op");
    require(is_load || (e.predicate < 0 && e.otherwise < 0 && e.offset < 0),
            "predicate or offset of what is no load");
    switch (e.kind) {
      case Expr::Kind::Constant:
        check_constant(e);
        break;
      case Expr::Kind::Op:
        check_op(e);
        break;
      case Expr::Kind::Load:
        check_load(e);
        break;
      case Expr::Kind::Local:
        require(within(e.local, k_.locals), "unknown local {}", e.local);
        require(e.dtype == k_.locals[e.local].dtype, "{} read from local '{}' of {}",
                name_of(e.dtype), k_.locals[e.local].name, name_of(k_.locals[e.local].dtype));
        break;
      case Expr::Kind::Index:
        require(is_number(e.dtype), "an index as {}", name_of(e.dtype));
        check_index(e.index);
        break;
    }
    context_.clear();
  }

  void check_constant(const Expr& e) const {
    const size_t width = e.dtype == DType::Bool ? 1 : 8 * size_of(e.dtype);
    require(width == 64 || e.bits >> width == 0, "constant {:#x} is wider than {}", e.bits,
            name_of(e.dtype));
  }

  void check_load(const Expr& e) const {
    require(within(e.buffer, k_.buffers), "unknown buffer b{}", e.buffer);
    require(e.dtype == k_.buffers[e.buffer].dtype, "{} loaded from b{} of {}", name_of(e.dtype),
            e.buffer, name_of(k_.buffers[e.buffer].dtype));
    check_index(e.index);
    require((e.predicate < 0) == (e.otherwise < 0), "a load has a predicate or a value, not both");
    if (e.predicate >= 0) {
      require(dtype(e.predicate) == DType::Bool, "the predicate is {}",
              name_of(dtype(e.predicate)));
      require(dtype(e.otherwise) == e.dtype, "{} loaded, otherwise {}", name_of(e.dtype),
              name_of(dtype(e.otherwise)));
    }
    if (e.offset >= 0) {
      require(dtype(e.offset) == DType::I64, "the offset is {}", name_of(dtype(e.offset)));
    }
  }

  DType dtype(int expr) const { return k_.exprs[expr].dtype; }

  void check_op(const Expr& e) const {
    require(e.op <= ScalarOp::Bitcast, "unknown scalar op {}", static_cast<int>(e.op));
    const int operands = operands_of(e.op);
    for (int i = 0; i < 3; ++i) {
      require((e.in[i] >= 0) == (i < operands), "{} takes {} operands", name_of(e.op), operands);
    }
    // Of select the condition stands apart; for all others the first operand sets the type.
    const int first = e.op == ScalarOp::Select ? 1 : 0;
    const DType type = dtype(e.in[first]);
    for (int i = first; i < operands; ++i) {
      require(dtype(e.in[i]) == type, "{} of {} and {}", name_of(e.op), name_of(type),
              name_of(dtype(e.in[i])));
    }
    check_op_type(e, type);
  }

  void check_op_type(const Expr& e, DType type) const {
    bool allowed = true;
    DType result = type;
    switch (e.op) {
      case ScalarOp::Add:
      case ScalarOp::Sub:
      case ScalarOp::Mul:
      case ScalarOp::Div:
      case ScalarOp::Rem:
      case ScalarOp::Fma:
      case ScalarOp::Neg:
      case ScalarOp::Abs:
        allowed = is_number(type);
        break;
      case ScalarOp::Sqrt:
      case ScalarOp::Floor:
      case ScalarOp::Ceil:
      case ScalarOp::RoundEven:
        allowed = is_float(type);
        break;
      case ScalarOp::And:
      case ScalarOp::Or:
      case ScalarOp::Xor:
      case ScalarOp::Not:
        allowed = is_integer(type) || type == DType::Bool;
        break;
      case ScalarOp::Shl:
      case ScalarOp::Shr:
      case ScalarOp::ShrArith:
        allowed = is_integer(type);
        break;
      case ScalarOp::Eq:
      case ScalarOp::Ne:
      case ScalarOp::Lt:
      case ScalarOp::Le:
      case ScalarOp::Gt:
      case ScalarOp::Ge:
        result = DType::Bool;
        break;
      case ScalarOp::Select:
        require(dtype(e.in[0]) == DType::Bool, "select by {}", name_of(dtype(e.in[0])));
        break;
      case ScalarOp::Convert:
        result = e.dtype;
        break;
      case ScalarOp::Bitcast:
        // One of a bool is a bit, not a byte: only numbers have bits to reinterpret.
        allowed = is_number(type) && is_number(e.dtype) && size_of(type) == size_of(e.dtype);
        result = e.dtype;
        break;
    }
    require(allowed, "{} of {}{}", name_of(e.op), name_of(type),
            e.op == ScalarOp::Bitcast ? fmt::format(" to {}", name_of(e.dtype)) : "");
    require(e.dtype == result, "{} of {} gives {}, not {}", name_of(e.op), name_of(type),
            name_of(result), name_of(e.dtype));
  }

  void check_distinct() const {
    std::unordered_multimap<size_t, int> seen;
    for (size_t i = 0; i < k_.exprs.size(); ++i) {
      const Expr& e = k_.exprs[i];
      size_t hash = static_cast<size_t>(e.kind);
      auto mix = [&](uint64_t x) { hash = (hash ^ x) * 0x9e3779b97f4a7c15u; };
      mix(static_cast<uint64_t>(e.op));
      mix(static_cast<uint64_t>(e.dtype));
      mix(e.bits);
      mix(e.buffer);
      mix(e.local);
      for (int operand : e.in)
        mix(operand);
      for (const Term& t : e.index.terms)
        mix(t.variable * 64 + t.coefficient.factor);
      const auto [begin, end] = seen.equal_range(hash);
      for (auto it = begin; it != end; ++it) {
        require(!(k_.exprs[it->second] == e), "expressions {} and {} are equal", it->second, i);
      }
      seen.emplace(hash, static_cast<int>(i));
    }
  }

  // Statements.

  const Stmt* innermost() const { return loops_.empty() ? nullptr : loops_.back(); }
  bool in_vector_loop() const {
    return innermost() && kind_of_variable(innermost()->variable) == LoopKind::Vector;
  }
  const std::string& name_of_variable(int v) const { return k_.variables[v].name; }

  void check_open(int variable) const {
    if (variable < 0) return;  // a constant term
    require(open_[variable], "'{}' is used outside its loop", name_of_variable(variable));
  }

  void check_index_here(const Index& index) const {
    for (const Term& t : index.terms)
      check_open(t.variable);
  }

  void check_local_here(int local) const {
    for (int d : k_.locals[local].dims) {
      require(open_[d], "local '{}' is used outside the loop of its dim '{}'",
              k_.locals[local].name, name_of_variable(d));
    }
  }

  void check_value_here(int root) const {
    require(within(root, k_.exprs), "unknown expression {}", root);
    for (int i : cone_of(k_, root)) {
      const Expr& e = k_.exprs[i];
      if (e.kind == Expr::Kind::Local) {
        check_local_here(e.local);
        require(assigned_[e.local], "local '{}' is read before it is assigned",
                k_.locals[e.local].name);
      }
      check_index_here(e.index);
    }
  }

  /// Loop nests are as deep as kernels have axes: recursion is bounded.
  void check_body(const std::vector<Stmt>& body) {
    for (const Stmt& s : body) {
      switch (s.kind) {
        case Stmt::Kind::For:
          check_for(s);
          break;
        case Stmt::Kind::Assign:
          check_assign(s);
          break;
        case Stmt::Kind::Store:
          check_store(s);
          break;
        case Stmt::Kind::LaneReduce:
          check_lane_reduce(s);
          break;
      }
    }
  }

  void check_for(const Stmt& s) {
    require(within(s.variable, k_.variables), "a loop over the unknown variable {}", s.variable);
    const std::string& name = name_of_variable(s.variable);
    require(!in_vector_loop(), "the loop over '{}' stands in a vector loop", name);
    require(!open_[s.variable], "the loop over '{}' stands in another over it", name);
    check_coefficient(s.count);
    if (is_constant_kind(s.variable)) {
      const int64_t count = k_.variables[s.variable].count;
      require(s.count == Coefficient{count, -1}, "the loop over '{}' does not count to its {}",
              name, count);
    }
    open_[s.variable] = true;
    loops_.push_back(&s);
    if (s.limit) check_limit(s);
    // A loop of no points assigns nothing: what is read after it must have been assigned before.
    const std::vector<bool> before = assigned_;
    check_body(s.body);
    if (!is_constant_kind(s.variable)) assigned_ = before;
    loops_.pop_back();
    open_[s.variable] = false;
  }

  void check_limit(const Stmt& s) const {
    const std::string& name = name_of_variable(s.variable);
    require(in_vector_loop(), "the loop over '{}' has a limit but is no vector's", name);
    check_index(*s.limit);
    check_index_here(*s.limit);
    check_coefficient(s.bound);
    int64_t step = 0;
    bool constant = true;
    for (const Term& t : s.limit->terms) {
      if (t.variable != s.variable) continue;
      step += t.coefficient.factor;
      constant = constant && t.coefficient.arg < 0;
    }
    require(constant && step == 1, "the limit of '{}' does not count its lanes one by one", name);
  }

  void check_assign(const Stmt& s) {
    require(within(s.local, k_.locals), "unknown local {} is assigned", s.local);
    const Local& l = k_.locals[s.local];
    check_local_here(s.local);
    if (in_vector_loop()) {
      const int v = innermost()->variable;
      require(!l.dims.empty() && l.dims.back() == v,
              "local '{}' has no dim '{}' but is assigned in its vector loop", l.name,
              name_of_variable(v));
    }
    check_value_here(s.expr);
    require(dtype(s.expr) == l.dtype, "{} assigned to local '{}' of {}", name_of(dtype(s.expr)),
            l.name, name_of(l.dtype));
    require(!s.merge || assigned_[s.local], "local '{}' is merged before it is assigned", l.name);
    assigned_[s.local] = true;
  }

  void check_store(const Stmt& s) {
    require(within(s.buffer, k_.buffers), "a store to the unknown buffer b{}", s.buffer);
    require(k_.buffers[s.buffer].written, "a store to b{}, which is not written", s.buffer);
    check_index(s.index);
    check_index_here(s.index);
    check_value_here(s.expr);
    require(dtype(s.expr) == k_.buffers[s.buffer].dtype, "{} stored to b{} of {}",
            name_of(dtype(s.expr)), s.buffer, name_of(k_.buffers[s.buffer].dtype));
    if (in_vector_loop()) {
      const int v = innermost()->variable;
      const bool moves =
          std::any_of(s.index.terms.begin(), s.index.terms.end(),
                      [&](const Term& t) { return t.variable == v && t.coefficient.factor != 0; });
      require(moves || k_.variables[v].count == 1, "all lanes of '{}' store to one place in b{}",
              name_of_variable(v), s.buffer);
    }
  }

  void check_lane_reduce(const Stmt& s) {
    require(!in_vector_loop(), "a lane reduction in a vector loop");
    const bool pair = s.reduce == ReduceOp::ArgMax || s.reduce == ReduceOp::ArgMin;
    const size_t values = pair ? 2 : 1;
    require(s.sources.size() == values && s.targets.size() == values,
            "a lane reduction of {} sources to {} targets, expected {} each", s.sources.size(),
            s.targets.size(), values);
    for (int l : s.sources)
      require(within(l, k_.locals), "unknown local {} is reduced", l);
    for (int l : s.targets)
      require(within(l, k_.locals), "unknown local {} is a target", l);
    for (size_t i = 0; i < values; ++i)
      check_lanes(s, i);
    check_reduced_types(s, pair);
    for (int l : s.targets)
      assigned_[l] = true;
  }

  void check_lanes(const Stmt& s, size_t i) const {
    const Local& from = k_.locals[s.sources[i]];
    const Local& to = k_.locals[s.targets[i]];
    require(from.dims == k_.locals[s.sources[0]].dims,
            "reduced locals '{}' and '{}' differ in dims", k_.locals[s.sources[0]].name, from.name);
    require(from.dims.size() >= 2, "reduced local '{}' has {} dims, not lanes' two", from.name,
            from.dims.size());
    const int u = from.dims[from.dims.size() - 2], l = from.dims.back();
    require(kind_of_variable(u) == LoopKind::Unroll && kind_of_variable(l) == LoopKind::Vector,
            "lanes of '{}' are not unrolled vectors", from.name);
    const int64_t lanes = k_.variables[u].count * k_.variables[l].count;
    require(lanes == 16, "local '{}' is reduced over {} lanes, not 16", from.name, lanes);
    require(!open_[u] && !open_[l], "local '{}' is reduced within the loops of its lanes",
            from.name);
    require(std::equal(to.dims.begin(), to.dims.end(), from.dims.begin(), from.dims.end() - 2),
            "target '{}' has not the dims before the lanes of '{}'", to.name, from.name);
    require(to.dtype == from.dtype, "'{}' of {} reduced to '{}' of {}", from.name,
            name_of(from.dtype), to.name, name_of(to.dtype));
    for (int d : to.dims) {
      require(open_[d] || kind_of_variable(d) == LoopKind::Unroll,
              "local '{}' is reduced outside the loop of its dim '{}'", from.name,
              name_of_variable(d));
    }
    require(assigned_[s.sources[i]], "local '{}' is reduced before it is assigned", from.name);
  }

  void check_reduced_types(const Stmt& s, bool pair) const {
    const DType type = k_.locals[s.sources[0]].dtype;
    const bool bits = s.reduce == ReduceOp::And || s.reduce == ReduceOp::Or;
    const bool ordered = s.reduce == ReduceOp::Max || s.reduce == ReduceOp::Min || pair;
    const bool fits = bits ? !is_float(type) : ordered || is_number(type);
    require(fits, "lanes of {} do not combine so", name_of(type));
    if (pair) {
      const DType index = k_.locals[s.sources[1]].dtype;
      require(is_integer(index), "the index of an extremum is {}", name_of(index));
    }
  }

  const Kernel& k_;
  std::string context_;
  std::vector<const Stmt*> loops_;
  std::vector<bool> open_;      // variables
  std::vector<bool> assigned_;  // locals, by a statement before
};

}  // namespace

void verify(const Kernel& kernel) {
  Verifier(kernel).run();
}

}  // namespace gradus::loop
