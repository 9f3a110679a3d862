// A kernel is a few stages after each other, each like what lowering makes: a map over rows and
// columns with masked tails, a reduction along the columns into 16 lanes, a recurrence along the
// rows, a loop without vectors. Accesses are of unit, constant, negative and run-time stride, or
// gathers by data. Memory is as large as the accesses need, to the element.
#include "tests/codegen/random_kernel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <random>

#include "tests/loop/sample_kernels.h"

namespace gradus::codegen::testing {

using namespace loop;
using namespace loop::samples;

namespace {

constexpr std::array kTypes{DType::Bool, DType::I8,  DType::I16, DType::I32, DType::I64, DType::U8,
                            DType::U16,  DType::U32, DType::U64, DType::F32, DType::F64};
constexpr int64_t kOffsets = 8;  // offsets read from data are below it

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  RandomKernel run() {
    rows_ = pick(4);
    columns_ = pick(3) ? 1 + pick(50) : pick(2);
    masked_ = chance(70);
    if (!masked_) columns_ = columns_ / 16 * 16;
    blocks_ = (columns_ + 15) / 16;
    lanes_ = int64_t{4} << pick(3);
    stride_ = 1 + pick(3);
    row_arg_ = add_arg("rows", rows_);
    column_arg_ = add_arg("columns", columns_);
    block_arg_ = add_arg("blocks", blocks_);
    stride_arg_ = add_arg("stride", stride_);
    // Wider than a row's elements at any stride.
    pitch_ = std::max<int64_t>(3 * columns_, 16) + 2 + pick(5);
    pitch_arg_ = add_arg("pitch", pitch_);
    row_ = k_.add_variable("r", chance(50) ? LoopKind::Serial : LoopKind::Reduce);
    block_ = k_.add_variable("j", chance(50) ? LoopKind::Serial : LoopKind::Reduce);
    lane_.emplace(k_, lanes_);
    const int stages = 1 + static_cast<int>(pick(3));
    for (int s = 0; s < stages; ++s)
      add_stage();
    RandomKernel result;
    make_memory(result.memory);
    result.args = args_;
    result.kernel = std::move(k_);
    return result;
  }

 private:
  /// What the statement being made may use.
  struct Place {
    bool rows = false, blocks = false, lanes = false;
    std::vector<int> locals;
    std::vector<std::pair<int, Index>> own;  // buffers that are read here only, at this index
  };

  int64_t pick(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool chance(int percent) { return pick(100) < percent; }
  DType type() { return kTypes[static_cast<size_t>(pick(kTypes.size()))]; }

  int add_arg(const char* name, int64_t value) {
    args_.push_back(value);
    return k_.add_arg(name);
  }

  // Buffers: `needed_` elements each; inputs of one dtype are shared by several accesses.

  int add_buffer(DType dtype, bool written, int group = -1) {
    const int next = static_cast<int>(k_.buffers.size());
    needed_.push_back(0);
    readable_.push_back(true);
    return k_.add_buffer({dtype, written, group < 0 ? next : group});
  }

  int input(DType dtype) {
    std::vector<int> fitting;
    for (size_t b = 0; b < k_.buffers.size(); ++b) {
      if (k_.buffers[b].dtype == dtype && readable_[b]) fitting.push_back(static_cast<int>(b));
    }
    if (fitting.empty() || (k_.buffers.size() < 12 && chance(20))) return add_buffer(dtype, false);
    return fitting[static_cast<size_t>(pick(static_cast<int64_t>(fitting.size())))];
  }

  /// A position along the columns (within lanes), else along the blocks, and along the rows. One to
  /// one if `distinct`. Notes how many elements that takes.
  Index position(const Place& p, int buffer, bool distinct) {
    Index index;
    int64_t last = 0;
    if (p.lanes && (distinct || chance(85))) {
      const int64_t reach = columns_ - 1;
      if (!p.blocks) {
        index.terms = {var(lane_->u, lanes_), var(lane_->v)};
        last += 15;
      } else {
        last += along_columns(index, std::max<int64_t>(reach, 0));
      }
    } else if (p.blocks && chance(50)) {
      index.terms.push_back(var(block_, 2));
      last += 2 * std::max<int64_t>(blocks_ - 1, 0);
    }
    if (p.rows && (distinct || chance(80))) {
      index.terms.push_back(var(row_, 1, pitch_arg_));
      last += pitch_ * std::max<int64_t>(rows_ - 1, 0);
    }
    if (chance(30)) {
      const int64_t extra = pick(3);
      index.terms.push_back({-1, {extra, -1}});
      last += extra;
    }
    needed_[buffer] = std::max(needed_[buffer], last + 1);
    last_ = last;
    return index;
  }

  int64_t along_columns(Index& index, int64_t reach) {
    const auto add = [&](int64_t factor, int arg) {
      index.terms.push_back(var(block_, 16 * factor, arg));
      index.terms.push_back(var(lane_->u, lanes_ * factor, arg));
      index.terms.push_back(var(lane_->v, factor, arg));
    };
    switch (pick(6)) {
      case 0:
        add(2, -1);
        return 2 * reach;
      case 1:
        add(1, stride_arg_);
        return stride_ * reach;
      case 2:  // from the last column to the first
        add(-1, -1);
        index.terms.push_back(samples::arg(column_arg_));
        index.terms.push_back({-1, {columns_ > 0 ? -1 : 0, -1}});
        return reach;
      default:
        add(1, -1);
        return reach;
    }
  }

  // Expressions.

  int constant(DType dtype) {
    const auto values = special_values(dtype);
    return k_.constant(dtype, values[static_cast<size_t>(pick(values.size()))]);
  }

  int index_value(DType dtype, const Place& p) {
    Index index;
    if (p.lanes) index.terms.push_back(var(lane_->v, 1 + pick(3)));
    if (p.lanes && chance(60)) index.terms.push_back(var(lane_->u, lanes_));
    if (p.blocks && chance(60)) index.terms.push_back(var(block_, 16));
    if (p.rows && chance(60)) index.terms.push_back(var(row_, 1, chance(50) ? stride_arg_ : -1));
    if (chance(30)) index.terms.push_back({-1, {pick(100) - 50, -1}});
    return k_.add_expr({.kind = Expr::Kind::Index, .dtype = dtype, .index = index});
  }

  int load(DType dtype, const Place& p, int depth) {
    for (const auto& [buffer, index] : p.own) {
      if (k_.buffers[buffer].dtype == dtype && chance(60)) return k_.load(buffer, index);
    }
    const int buffer = input(dtype);
    Expr e{.kind = Expr::Kind::Load, .dtype = dtype, .buffer = buffer};
    e.index = position(p, buffer, false);
    if (depth > 0 && chance(15)) {
      needed_[buffer] = std::max(needed_[buffer], last_ + kOffsets);
      const int mask = k_.constant(DType::I64, kOffsets - 1);
      e.offset = k_.op(ScalarOp::And, {value(DType::I64, p, depth - 1), mask}, DType::I64);
    }
    if (depth > 0 && chance(20)) {
      e.predicate = value(DType::Bool, p, depth - 1);
      e.otherwise = value(dtype, p, depth - 1);
    }
    return k_.add_expr(e);
  }

  int leaf(DType dtype, const Place& p, int depth) {
    const int64_t choice = pick(100);
    if (choice < 12) return constant(dtype);
    if (choice < 22 && dtype != DType::Bool) return index_value(dtype, p);
    if (choice < 55) {
      for (int tries = 0; tries < 3 && !p.locals.empty(); ++tries) {
        const int l = p.locals[static_cast<size_t>(pick(p.locals.size()))];
        if (k_.locals[l].dtype == dtype) return k_.local_value(l);
      }
    }
    return load(dtype, p, depth);
  }

  int value(DType dtype, const Place& p, int depth) {
    if (depth <= 0 || chance(15)) return leaf(dtype, p, depth);
    const auto again = [&](DType d) { return value(d, p, depth - 1); };
    const int64_t choice = pick(100);
    if (choice < 12) {
      return k_.op(ScalarOp::Select, {again(DType::Bool), again(dtype), again(dtype)}, dtype);
    }
    if (choice < 24) return k_.op(ScalarOp::Convert, {again(type())}, dtype);
    if (dtype == DType::Bool) return truth(p, depth);
    if (choice < 30) return bitcast(dtype, p, depth);
    return is_float(dtype) ? real(dtype, p, depth) : integer(dtype, p, depth);
  }

  int apply(ScalarOp op, DType dtype, const Place& p, int depth) {
    std::array<int, 3> in{-1, -1, -1};
    for (int i = 0; i < operands_of(op); ++i)
      in[i] = value(dtype, p, depth - 1);
    return k_.op(op, {in[0], in[1], in[2]}, dtype);
  }

  int truth(const Place& p, int depth) {
    using enum ScalarOp;
    if (chance(50)) {
      const auto op = static_cast<ScalarOp>(static_cast<int>(Eq) + pick(6));
      const DType d = type();
      return k_.op(op, {value(d, p, depth - 1), value(d, p, depth - 1)}, DType::Bool);
    }
    constexpr std::array ops{And, Or, Xor, Not};
    return apply(ops[static_cast<size_t>(pick(ops.size()))], DType::Bool, p, depth);
  }

  int real(DType dtype, const Place& p, int depth) {
    using enum ScalarOp;
    constexpr std::array ops{Add, Sub, Mul,  Div,   Rem,  Fma,      Fma,
                             Neg, Abs, Sqrt, Floor, Ceil, RoundEven};
    return apply(ops[static_cast<size_t>(pick(ops.size()))], dtype, p, depth);
  }

  int integer(DType dtype, const Place& p, int depth) {
    using enum ScalarOp;
    constexpr std::array ops{Add, Sub, Mul, Div, Rem, Fma, Neg,     Abs,
                             And, Or,  Xor, Not, Shl, Shr, ShrArith};
    return apply(ops[static_cast<size_t>(pick(ops.size()))], dtype, p, depth);
  }

  int bitcast(DType dtype, const Place& p, int depth) {
    std::vector<DType> same;
    for (DType d : kTypes) {
      if (d != DType::Bool && size_of(d) == size_of(dtype)) same.push_back(d);
    }
    const DType from = same[static_cast<size_t>(pick(same.size()))];
    int x = value(from, p, depth - 1);
    if (is_float(from) && !is_float(dtype)) {
      // Which NaN comes out of arithmetic is not defined: its bits must not be seen.
      const int number = k_.op(ScalarOp::Eq, {x, x}, DType::Bool);
      x = k_.op(ScalarOp::Select, {number, x, k_.constant(from, 0)}, from);
    }
    return k_.op(ScalarOp::Bitcast, {x}, dtype);
  }

  int tree(DType dtype, const Place& p) { return value(dtype, p, 1 + static_cast<int>(pick(3))); }

  // Loops.

  Stmt over_rows(std::vector<Stmt> body) {
    return make_for(row_, count_arg(row_arg_), std::move(body));
  }
  Stmt over_columns(std::vector<Stmt> body) {
    Stmt lanes =
        masked_ ? lane_->loop_where(lane_->column(block_), count_arg(column_arg_), std::move(body))
                : lane_->loop(std::move(body));
    return make_for(block_, count_arg(block_arg_), {std::move(lanes)});
  }

  /// Stores what an expression gives to a new buffer, which later stages may read, or to one that
  /// may be the same memory as another input, which is read here only.
  Stmt store(Place p) {
    const DType dtype = type();
    if (chance(30) && k_.buffers.size() < 12) {
      const int in = add_buffer(dtype, false);
      const int out = add_buffer(dtype, true, k_.buffers[in].alias_group);
      readable_[in] = readable_[out] = false;
      const Index index = position(p, out, true);
      needed_[in] = needed_[out];
      if (chance(70)) shared_[out] = in;
      p.own = {{in, index}};
      return make_store(out, index, tree(dtype, p));
    }
    const int out = add_buffer(dtype, true);
    readable_[out] = false;
    const Index index = position(p, out, true);
    const int e = tree(dtype, p);
    finished_.push_back(out);
    return make_store(out, index, e);
  }

  /// Stores a function of the local, the same wherever it is stored.
  Stmt store_local(int local, const Place& p) {
    const DType dtype = k_.locals[local].dtype;
    const int out = add_buffer(dtype, true);
    readable_[out] = false;
    finished_.push_back(out);
    const ScalarOp op = dtype == DType::Bool ? ScalarOp::Not : ScalarOp::Neg;
    return make_store(out, position(p, out, true), k_.op(op, {k_.local_value(local)}, dtype));
  }

  int new_local(DType dtype, bool lanes) {
    return k_.add_local("x", dtype, lanes ? lane_->dims() : std::vector<int>{});
  }

  ReduceOp reduce_op(DType dtype) {
    if (dtype == DType::Bool) return static_cast<ReduceOp>(2 + pick(4));
    if (is_float(dtype)) return static_cast<ReduceOp>(pick(4));
    return static_cast<ReduceOp>(pick(6));
  }

  // Stages.

  void add_stage() {
    switch (pick(6)) {
      case 0:
        add_map();
        break;
      case 1:
        add_reduction();
        break;
      case 2:
        add_extremum();
        break;
      case 3:
        add_recurrence();
        break;
      case 4:
        add_update();
        break;
      default:
        add_scalar_loop();
    }
    // What is stored may be read by later stages, through the same parameter.
    for (int b : finished_)
      readable_[b] = true;
    finished_.clear();
  }

  void add_map() {
    Place p{.rows = true, .blocks = true, .lanes = true};
    std::vector<Stmt> body;
    const int64_t statements = 1 + pick(3);
    for (int64_t i = 0; i < statements; ++i) {
      if (chance(40)) {
        const DType dtype = type();
        const int e = tree(dtype, p);
        const int l = new_local(dtype, true);
        body.push_back(make_assign(l, e));
        p.locals.push_back(l);
      } else {
        body.push_back(store(p));
      }
    }
    body.push_back(store(p));
    k_.body.push_back(over_rows({over_columns(std::move(body))}));
  }

  void add_reduction() {
    const DType dtype = type();
    const ReduceOp op = reduce_op(dtype);
    const int acc = new_local(dtype, true), result = new_local(dtype, false);
    Place each{.rows = true, .blocks = true, .lanes = true};
    const int x = tree(dtype, each);
    const int next = k_.combine(op, {k_.local_value(acc)}, {x})[0];
    Place after{.rows = true, .locals = {result}};
    std::vector<Stmt> body{
        lane_->loop({make_assign(acc, k_.constant(dtype, identity_of(op, dtype)))}),
        over_columns({make_assign(acc, next, true)}), make_lane_reduce(op, {acc}, {result})};
    if (chance(60)) {
      body.push_back(store_local(result, after));
      body.push_back(make_lane_reduce(reduce_op(dtype), {acc}, {result}));
      body.push_back(store_local(result, after));
    } else {
      Place both = each;
      both.locals = {result};
      body.push_back(over_columns({store(both)}));
    }
    k_.body.push_back(over_rows(std::move(body)));
  }

  void add_extremum() {
    const DType dtype = type(), index = chance(50) ? DType::I32 : DType::I64;
    const ReduceOp op = chance(50) ? ReduceOp::ArgMax : ReduceOp::ArgMin;
    const int best = new_local(dtype, true), where = new_local(index, true);
    const int taken_value = new_local(dtype, true);
    const int row_best = new_local(dtype, false), row_where = new_local(index, false);
    Place each{.rows = true, .blocks = true, .lanes = true};
    const int x = tree(dtype, each);
    const int at =
        k_.add_expr({.kind = Expr::Kind::Index, .dtype = index, .index = lane_->column(block_)});
    const auto taken = k_.combine(op, {k_.local_value(best), k_.local_value(where)}, {x, at});
    const Bits last = index == DType::I32 ? 0x7fffffff : 0x7fffffffffffffff;
    Place after{.rows = true, .locals = {row_best, row_where, row_where}};
    k_.body.push_back(over_rows(
        {lane_->loop({make_assign(best, k_.constant(dtype, identity_of(op, dtype))),
                      make_assign(where, k_.constant(index, last))}),
         over_columns({make_assign(taken_value, taken[0]), make_assign(where, taken[1], true),
                       make_assign(best, k_.local_value(taken_value), true)}),
         make_lane_reduce(op, {best, where}, {row_best, row_where}), store(after), store(after)}));
  }

  /// Registers, in lanes and alone, that rows carry on, with a store of each row's.
  void add_recurrence() {
    const DType wide = type(), alone = type();
    const int x = new_local(wide, true), y = new_local(alone, false);
    const Place nothing;
    Place scalar{.rows = true, .locals = {y}}, lanes{.rows = true, .lanes = true, .locals = {x, y}};
    const int first = tree(alone, nothing);
    std::vector<Stmt> body{make_assign(y, tree(alone, scalar)),
                           lane_->loop({make_assign(x, tree(wide, lanes))})};
    if (chance(50)) body.push_back(lane_->loop({store(lanes)}));
    k_.body.push_back(make_assign(y, first));
    k_.body.push_back(store_local(y, nothing));
    body.push_back(store_local(y, scalar));
    k_.body.push_back(lane_->loop({make_assign(x, constant(wide))}));
    k_.body.push_back(over_rows(std::move(body)));
    Place end = lanes;
    end.rows = false;
    k_.body.push_back(lane_->loop({store(end)}));
    k_.body.push_back(store_local(y, nothing));
  }

  /// Reads elements, overwrites them and reads them again, all through one parameter.
  void add_update() {
    const DType dtype = type();
    const int b = add_buffer(dtype, true);
    readable_[b] = false;
    finished_.push_back(b);
    const bool lanes = chance(60);
    Place p{.rows = true, .blocks = lanes, .lanes = lanes};
    const Index at = position(p, b, true);
    p.own = {{b, at}};
    std::vector<Stmt> body;
    for (int i = 0; i < 3; ++i) {
      const bool update = i == 1;
      const int out = update ? b : add_buffer(dtype, true);
      const Index where = update ? at : position(p, out, true);
      readable_[out] = false;
      if (!update) finished_.push_back(out);
      const int old = k_.load(b, at);
      const int other = tree(dtype, p);
      const int changed = dtype == DType::Bool ? k_.op(ScalarOp::Xor, {old, other}, dtype)
                                               : k_.op(ScalarOp::Sub, {old, other}, dtype);
      body.push_back(make_store(out, where, changed));
    }
    if (lanes) body = {over_columns(std::move(body))};
    k_.body.push_back(over_rows(std::move(body)));
  }

  void add_scalar_loop() {
    const DType dtype = type();
    const int x = new_local(dtype, false);
    Place p{.rows = true, .blocks = true, .locals = {x}};
    const int next = tree(dtype, p);
    std::vector<Stmt> inner{make_assign(x, next)};
    p.blocks = false;
    k_.body.push_back(make_assign(x, constant(dtype)));
    k_.body.push_back(
        over_rows({make_for(block_, count_arg(block_arg_), std::move(inner)), store(p)}));
  }

  void make_memory(Memory& memory) {
    for (size_t b = 0; b < k_.buffers.size(); ++b) {
      const auto shared = shared_.find(static_cast<int>(b));
      if (shared != shared_.end()) {
        memory.add_alias(shared->second);
        continue;
      }
      const DType dtype = k_.buffers[b].dtype;
      const size_t size = size_of(dtype);
      const std::vector<Bits> special = special_values(dtype);
      std::vector<std::byte> content(static_cast<size_t>(needed_[b]) * size);
      for (int64_t i = 0; i < needed_[b]; ++i) {
        const Bits bits = special[static_cast<size_t>(pick(special.size()))];
        std::memcpy(&content[static_cast<size_t>(i) * size], &bits, size);
      }
      memory.add(content);
    }
  }

  std::mt19937_64 random_;
  Kernel k_;
  std::vector<int64_t> args_;
  int64_t rows_ = 0, columns_ = 0, blocks_ = 0, lanes_ = 16, stride_ = 1, pitch_ = 0;
  bool masked_ = true;
  int row_arg_ = -1, column_arg_ = -1, block_arg_ = -1, stride_arg_ = -1, pitch_arg_ = -1;
  int row_ = -1, block_ = -1;
  std::optional<Lanes> lane_;
  std::vector<int64_t> needed_;  // elements of each buffer
  int64_t last_ = 0;             // of the position made last
  std::vector<bool> readable_;
  std::vector<int> finished_;
  std::map<int, int> shared_;
};

}  // namespace

RandomKernel random_kernel(uint64_t seed) {
  return Generator(seed).run();
}

}  // namespace gradus::codegen::testing
