#include "compiler/codegen/llvm/kernel_emitter.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "runtime/error.h"

namespace gradus::codegen {

using loop::Expr;
using loop::Index;
using loop::LoopKind;
using loop::Stmt;

namespace {

/// Bytes of zeros that loads outside of an array's bounds may reach.
constexpr int64_t kZeroBytes = loop::kReach;

/// Locals assigned and alias groups stored to in these statements.
void collect_changes(const loop::Kernel& k, const std::vector<Stmt>& body, loop::NumberSet& locals,
                     loop::NumberSet& groups) {
  for (const Stmt& s : body) {
    if (s.kind == Stmt::Kind::Assign) locals.set(s.local);
    if (s.kind == Stmt::Kind::Store) groups.set(k.buffers[s.buffer].alias_group);
    for (int t : s.targets) {
      locals.set(t);
    }
    collect_changes(k, s.body, locals, groups);
  }
}

}  // namespace

KernelEmitter::KernelEmitter(const loop::Kernel& kernel, llvm::Module& module)
    : k_(kernel),
      module_(module),
      b_(module.getContext()),
      scalars_(b_),
      at_(kernel.variables.size(), -1) {
  constexpr size_t most = loop::NumberSet().size();
  GRADUS_CHECK(std::max({k_.variables.size(), k_.locals.size(), k_.buffers.size()}) <= most,
               k_.name);
}

void KernelEmitter::run() {
  auto& c = module_.getContext();
  auto* pointer = b_.getPtrTy();
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), {pointer, pointer}, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, k_.name, module_);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr("frame-pointer", "none");
  auto* entry = llvm::BasicBlock::Create(c, "entry", function_);
  auto* start = llvm::BasicBlock::Create(c, "start", function_);
  b_.SetInsertPoint(entry);
  for (size_t i = 0; i < k_.buffers.size(); ++i) {
    auto* slot = b_.CreateConstInBoundsGEP1_64(pointer, function_->getArg(0), i);
    buffers_.push_back(b_.CreateAlignedLoad(pointer, slot, llvm::Align(8)));
  }
  for (size_t i = 0; i < k_.args.size(); ++i) {
    auto* slot = b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), function_->getArg(1), i);
    args_.push_back(b_.CreateAlignedLoad(b_.getInt64Ty(), slot, llvm::Align(8)));
  }
  b_.CreateBr(start);
  b_.SetInsertPoint(start);
  find_dependences();
  scopes_.push_back({.before = entry});
  emit(k_.body);
  b_.CreateRetVoid();
}

void KernelEmitter::find_dependences() {
  depends_.resize(k_.exprs.size());
  for (size_t i = 0; i < k_.exprs.size(); ++i) {
    const Expr& e = k_.exprs[i];
    Depends& d = depends_[i];
    for (int in : {e.in[0], e.in[1], e.in[2], e.predicate, e.otherwise, e.offset}) {
      if (in >= 0) d |= depends_[in];
    }
    for (const loop::Term& t : e.index.terms) {
      if (t.variable >= 0) d.variables.set(t.variable);
    }
    if (e.local >= 0) {
      d.locals.set(e.local);
      for (int v : k_.locals[e.local].dims)
        d.variables.set(v);
    }
    if (e.buffer >= 0) d.groups.set(k_.buffers[e.buffer].alias_group);
  }
}

// -- Statements -------------------------------------------------------------------------------------

void KernelEmitter::emit(const std::vector<Stmt>& body) {
  for (const Stmt& s : body) {
    switch (s.kind) {
      case Stmt::Kind::For:
        emit_for(s);
        break;
      case Stmt::Kind::Assign:
        emit_assign(s);
        break;
      case Stmt::Kind::Store:
        emit_store(s);
        break;
      case Stmt::Kind::LaneReduce:
        emit_lane_reduce(s);
    }
  }
}

void KernelEmitter::emit_for(const Stmt& s) {
  const loop::Variable& v = k_.variables[s.variable];
  switch (v.kind) {
    case LoopKind::Unroll:
      for (int64_t i = 0; i < v.count; ++i) {
        at_[s.variable] = i;
        emit(s.body);
      }
      at_[s.variable] = -1;
      return;
    case LoopKind::Vector:
      vector_ = s.variable;
      mask_ = s.limit ? limit_mask(s) : nullptr;
      emit(s.body);
      vector_ = -1;
      mask_ = nullptr;
      return;
    default:
      emit_counted(s);
  }
}

void KernelEmitter::emit_counted(const Stmt& s) {
  auto& c = module_.getContext();
  auto* before = b_.GetInsertBlock();
  auto* header = llvm::BasicBlock::Create(c, k_.variables[s.variable].name, function_);
  auto* exit = llvm::BasicBlock::Create(c, "end", function_);
  Value* count = count_of(s.count);
  auto* enter = b_.CreateICmpSGT(count, b_.getInt64(0));
  b_.CreateCondBr(enter, header, exit);
  b_.SetInsertPoint(header);

  Scope scope{.variable = s.variable, .before = before};
  scope.counter = b_.CreatePHI(b_.getInt64Ty(), 2);
  scope.counter->addIncoming(b_.getInt64(0), before);
  scopes_.push_back(std::move(scope));
  std::vector<std::pair<Key, llvm::PHINode*>> phis;
  add_phis(s, phis);
  const auto outer = registers_;
  Depends changed;
  collect_changes(k_, s.body, changed.locals, changed.groups);
  forget(changed);
  emit(s.body);

  auto* latch = b_.GetInsertBlock();
  Scope& own = scopes_.back();
  auto* next = b_.CreateAdd(own.counter, b_.getInt64(1), "", true, true);
  own.counter->addIncoming(next, latch);
  for (const Walk& w : own.walks) {
    w.pointer->addIncoming(b_.CreateGEP(w.element, w.pointer, w.stride), latch);
  }
  b_.CreateCondBr(b_.CreateICmpSLT(next, count), header, exit);
  b_.SetInsertPoint(exit);
  auto result = outer;
  for (auto& [key, phi] : phis) {
    Value* last = registers_.at(key);
    phi->addIncoming(last, latch);
    auto* merged = b_.CreatePHI(phi->getType(), 2);
    merged->addIncoming(phi->getIncomingValueForBlock(before), before);
    merged->addIncoming(last, latch);
    result[key] = merged;
  }
  registers_ = std::move(result);
  scopes_.pop_back();
  forget(changed);
}

void KernelEmitter::add_phis(const Stmt& s, std::vector<std::pair<Key, llvm::PHINode*>>& phis) {
  loop::NumberSet locals, groups;
  collect_changes(k_, s.body, locals, groups);
  for (auto& [key, value] : registers_) {
    if (!locals[static_cast<size_t>(key[0])]) continue;
    auto* phi = b_.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, scopes_.back().before);
    phis.emplace_back(key, phi);
    value = phi;
  }
}

void KernelEmitter::emit_assign(const Stmt& s) {
  Value* v = eval(s.expr);
  const auto& dims = k_.locals[s.local].dims;
  const bool wide = vector_ >= 0 && std::ranges::find(dims, vector_) != dims.end();
  if (wide) v = splat(v);
  const Key key = register_of(s.local);
  if (s.merge && mask_) {
    auto it = registers_.find(key);
    GRADUS_CHECK(it != registers_.end() && wide, k_.name);
    v = b_.CreateSelect(mask_, v, it->second);
  }
  registers_[key] = v;
  Depends changed;
  changed.locals.set(s.local);
  forget(changed);
}

void KernelEmitter::emit_store(const Stmt& s) {
  const DType dtype = k_.buffers[s.buffer].dtype;
  auto* element = scalars_.memory_type(dtype);
  Value* v = eval(s.expr);
  Value* base = address(s.buffer, s.index, nullptr);
  const llvm::Align align(size_of(dtype));
  if (vector_ >= 0) {
    v = splat(v);
    if (dtype == DType::Bool) v = b_.CreateZExt(v, llvm::FixedVectorType::get(element, lanes()));
    const Coefficients step = coefficients(s.index, vector_);
    if (step == Coefficients{{-1, 1}}) {
      if (mask_) {
        b_.CreateMaskedStore(v, base, align, mask_);
      } else {
        b_.CreateAlignedStore(v, base, align);
      }
    } else {
      auto* pointers = lane_pointers(base, element, value_of(step), nullptr);
      b_.CreateMaskedScatter(v, pointers, align, mask_ ? mask_ : all_lanes());
    }
  } else {
    if (dtype == DType::Bool) v = b_.CreateZExt(v, element);
    b_.CreateAlignedStore(v, base, align);
  }
  Depends changed;
  changed.groups.set(k_.buffers[s.buffer].alias_group);
  forget(changed);
}

// -- Expressions ------------------------------------------------------------------------------------

KernelEmitter::Key KernelEmitter::key_of(int expr) const {
  Key key{expr, vector_, reinterpret_cast<int64_t>(mask_)};
  const loop::NumberSet& variables = depends_[expr].variables;
  for (size_t v = 0; v < at_.size(); ++v) {
    if (variables[v]) key.push_back(at_[v]);
  }
  return key;
}

KernelEmitter::Key KernelEmitter::register_of(int local) const {
  Key key{local};
  for (int v : k_.locals[local].dims) {
    if (k_.variables[v].kind != LoopKind::Unroll) continue;
    GRADUS_CHECK(at_[v] >= 0, k_.name);
    key.push_back(at_[v]);
  }
  return key;
}

void KernelEmitter::forget(const Depends& changed) {
  for (Scope& scope : scopes_) {
    std::erase_if(scope.known, [&](const auto& entry) {
      const Depends& d = entry.second.depends;
      return (d.locals & changed.locals).any() || (d.groups & changed.groups).any();
    });
  }
}

llvm::Value* KernelEmitter::eval(int expr) {
  const Expr& e = k_.exprs[expr];
  if (e.kind == Expr::Kind::Constant) return scalars_.constant(e.dtype, e.bits);
  if (e.kind == Expr::Kind::Local) {
    auto it = registers_.find(register_of(e.local));
    GRADUS_CHECK(it != registers_.end(), k_.name + ": " + k_.locals[e.local].name);
    return it->second;
  }
  const Key key = key_of(expr);
  for (const Scope& scope : scopes_) {
    if (auto it = scope.known.find(key); it != scope.known.end()) return it->second.value;
  }
  Value* v = e.kind == Expr::Kind::Op     ? eval_op(e)
             : e.kind == Expr::Kind::Load ? eval_load(e)
                                          : eval_index(e);
  scopes_.back().known[key] = {v, depends_[expr]};
  return v;
}

llvm::Value* KernelEmitter::eval_op(const Expr& e) {
  const int n = loop::operands_of(e.op);
  std::vector<Value*> in;
  bool wide = false;
  for (int i = 0; i < n; ++i) {
    in.push_back(eval(e.in[i]));
    wide |= is_vector(in.back());
  }
  if (wide) {
    for (Value*& v : in)
      v = splat(v);
  }
  return scalars_.op(e.op, k_.exprs[e.in[n - 1]].dtype, e.dtype, in);
}

llvm::Value* KernelEmitter::eval_load(const Expr& e) {
  auto* element = scalars_.memory_type(e.dtype);
  const llvm::Align align(size_of(e.dtype));
  Value* offset = e.offset >= 0 ? eval(e.offset) : nullptr;
  Value* otherwise = e.otherwise >= 0 ? eval(e.otherwise) : nullptr;
  const Coefficients step = vector_ >= 0 ? coefficients(e.index, vector_) : Coefficients{};
  const bool lane_offset = offset && is_vector(offset);
  // A predicate that is the same for all lanes chooses between memory and zeros: no branch, no mask.
  const bool zero = otherwise && llvm::isa<llvm::Constant>(otherwise) &&
                    llvm::cast<llvm::Constant>(otherwise)->isNullValue();
  const bool by_lane = e.predicate >= 0 && vector_ >= 0 && depends_[e.predicate].variables[vector_];
  Value* base = nullptr;
  if (e.predicate >= 0 && !by_lane && zero && !offset &&
      (step.empty() || step == Coefficients{{-1, 1}})) {
    base = address_or_zeros(e);
  }
  Value* predicate = e.predicate >= 0 && !base ? eval(e.predicate) : nullptr;
  if (base) otherwise = nullptr;
  const bool wide = !step.empty() || lane_offset || (predicate && is_vector(predicate)) ||
                    (otherwise && is_vector(otherwise));
  if (!base) base = address(e.buffer, e.index, lane_offset ? nullptr : offset);
  Value* v;
  if (!wide) {
    if (predicate) {
      // A scalar that may not be read: a one-lane masked load keeps the kernel free of branches.
      auto* one = llvm::FixedVectorType::get(element, 1);
      auto* pass = otherwise;
      if (e.dtype == DType::Bool) pass = b_.CreateZExt(pass, element);
      auto* mask = b_.CreateVectorSplat(1, predicate);
      v = b_.CreateMaskedLoad(one, base, align, mask, b_.CreateVectorSplat(1, pass));
      v = b_.CreateExtractElement(v, uint64_t{0});
    } else {
      v = b_.CreateAlignedLoad(element, base, align);
    }
    return e.dtype == DType::Bool ? b_.CreateICmpNE(v, llvm::ConstantInt::get(element, 0)) : v;
  }
  auto* type = llvm::FixedVectorType::get(element, lanes());
  Value* mask = mask_;
  if (predicate) mask = mask ? b_.CreateAnd(mask, splat(predicate)) : splat(predicate);
  Value* pass = llvm::Constant::getNullValue(type);
  if (otherwise) {
    pass = splat(otherwise);
    if (e.dtype == DType::Bool) pass = b_.CreateZExt(pass, type);
  }
  const bool unit = step == Coefficients{{-1, 1}} && !lane_offset;
  if (unit && !mask) {
    v = b_.CreateAlignedLoad(type, base, align);
  } else if (unit) {
    v = b_.CreateMaskedLoad(type, base, align, mask, pass);
  } else {
    auto* stride = step.empty() ? b_.getInt64(0) : value_of(step);
    auto* pointers = lane_pointers(base, element, stride, lane_offset ? offset : nullptr);
    v = b_.CreateMaskedGather(type, pointers, align, mask ? mask : all_lanes(), pass);
  }
  return e.dtype == DType::Bool ? b_.CreateICmpNE(v, llvm::Constant::getNullValue(type)) : v;
}

llvm::Value* KernelEmitter::eval_index(const Expr& e) {
  Value* v = scalar_index(e.index);
  const Coefficients step = vector_ >= 0 ? coefficients(e.index, vector_) : Coefficients{};
  if (!step.empty()) {
    std::vector<llvm::Constant*> numbers;
    for (unsigned i = 0; i < lanes(); ++i)
      numbers.push_back(b_.getInt64(i));
    Value* lane = llvm::ConstantVector::get(numbers);
    v = b_.CreateAdd(splat(v), b_.CreateMul(lane, splat(value_of(step))));
  }
  Value* in[] = {v};
  return scalars_.op(loop::ScalarOp::Convert, DType::I64, e.dtype, in);
}

llvm::Value* KernelEmitter::scalar_index(const Index& index) {
  Value* v = value_of(coefficients(index, -1));
  for (size_t u = 0; u < at_.size(); ++u) {
    if (at_[u] < 0) continue;
    Coefficients c = coefficients(index, static_cast<int>(u));
    for (auto& [arg, factor] : c)
      factor *= at_[u];
    v = b_.CreateAdd(v, value_of(c));
  }
  for (const Scope& scope : scopes_) {
    if (scope.variable < 0) continue;
    const Coefficients c = coefficients(index, scope.variable);
    if (!c.empty()) v = b_.CreateAdd(v, b_.CreateMul(scope.counter, value_of(c)));
  }
  return v;
}

KernelEmitter::Coefficients KernelEmitter::coefficients(const Index& index, int variable) const {
  std::map<int, int64_t> sum;
  for (const loop::Term& t : index.terms) {
    if (t.variable == variable) sum[std::max(t.coefficient.arg, -1)] += t.coefficient.factor;
  }
  Coefficients c;
  for (auto [arg, factor] : sum) {
    if (factor != 0) c.emplace_back(arg, factor);
  }
  return c;
}

llvm::Value* KernelEmitter::value_of(const Coefficients& c) {
  if (auto it = products_.find(c); it != products_.end()) return it->second;
  llvm::IRBuilder<>::InsertPointGuard guard(b_);
  b_.SetInsertPoint(scopes_[0].before->getTerminator());
  Value* sum = nullptr;
  for (auto [arg, factor] : c) {
    Value* f = b_.getInt64(static_cast<uint64_t>(factor));
    Value* term = arg < 0 ? f : factor == 1 ? args_[arg] : b_.CreateMul(args_[arg], f);
    sum = sum ? b_.CreateAdd(sum, term) : term;
  }
  return products_[c] = sum ? sum : b_.getInt64(0);
}

llvm::Value* KernelEmitter::walked(Value* p, const Index& index, llvm::Type* element, size_t from,
                                   size_t to) {
  for (size_t s = from; s < to; ++s) {
    Scope& scope = scopes_[s];
    if (scope.variable < 0) continue;
    const Coefficients c = coefficients(index, scope.variable);
    if (c.empty()) continue;
    Value*& walk = scope.walk_of[{p, c}];
    if (!walk) {
      auto* stride = value_of(c);
      llvm::IRBuilder<>::InsertPointGuard guard(b_);
      b_.SetInsertPoint(scope.counter);
      auto* phi = b_.CreatePHI(b_.getPtrTy(), 2);
      phi->addIncoming(p, scope.before);
      scope.walks.push_back({phi, stride, element});
      walk = phi;
    }
    p = walk;
  }
  return p;
}

/// What does not change in any loop: what varies with arguments, and a displacement in elements.
std::pair<llvm::Value*, int64_t> KernelEmitter::fixed_part(const Index& index) {
  std::map<int, int64_t> rest;
  for (auto [arg, factor] : coefficients(index, -1))
    rest[arg] += factor;
  for (size_t u = 0; u < at_.size(); ++u) {
    if (at_[u] <= 0) continue;
    for (auto [arg, factor] : coefficients(index, static_cast<int>(u)))
      rest[arg] += factor * at_[u];
  }
  const int64_t displacement = rest[-1];
  rest.erase(-1);
  std::erase_if(rest, [](const auto& entry) { return entry.second == 0; });
  const Coefficients varying(rest.begin(), rest.end());
  return {varying.empty() ? nullptr : value_of(varying), displacement};
}

llvm::Value* KernelEmitter::address(int buffer, const Index& index, Value* offset) {
  auto* element = scalars_.memory_type(k_.buffers[buffer].dtype);
  Value* p = walked(buffers_[buffer], index, element, 0, scopes_.size());
  const auto [extra, displacement] = fixed_part(index);
  Value*& known = scopes_.back().address_of[{p, extra, displacement}];
  if (!known) {
    Value*& start = scopes_.back().address_of[{p, extra, 0}];
    if (!start) start = extra ? b_.CreateGEP(element, p, extra) : p;
    known = start;
    if (displacement) {
      known = b_.CreateGEP(element, start, b_.getInt64(static_cast<uint64_t>(displacement)));
    }
  }
  return offset ? b_.CreateGEP(element, known, offset) : known;
}

template <class F>
void KernelEmitter::outside(size_t scope, F f) {
  if (scope + 1 == scopes_.size()) return f();
  std::vector<Scope> inner(std::make_move_iterator(scopes_.begin() + scope + 1),
                           std::make_move_iterator(scopes_.end()));
  scopes_.resize(scope + 1);
  {
    llvm::IRBuilder<>::InsertPointGuard guard(b_);
    b_.SetInsertPoint(inner[0].before->getTerminator());
    f();
  }
  for (Scope& s : inner)
    scopes_.push_back(std::move(s));
}

llvm::Value* KernelEmitter::address_or_zeros(const Expr& e) {
  auto* element = scalars_.memory_type(e.dtype);
  const auto width = static_cast<int64_t>(size_of(e.dtype));
  const auto [extra, displacement] = fixed_part(e.index);
  // The choice is made in the innermost loop that the predicate depends on, if zeros reach as far as
  // the loops inside it do.
  const auto& [variables, locals, groups] = depends_[e.predicate];
  const bool steady = e.near && locals.none() && groups.none();
  size_t scope = scopes_.size() - 1;
  while (steady && scope > 0 && !variables[scopes_[scope].variable] &&
         k_.variables[scopes_[scope].variable].kind == LoopKind::Reduce) {
    --scope;
  }
  const bool inside = scope + 1 < scopes_.size();
  if (!inside && (displacement < 0 || (displacement + 1) * width > kZeroBytes)) return nullptr;
  const int64_t before = inside ? displacement : 0;
  Value* start = nullptr;
  outside(scope, [&] {
    Value* predicate = eval(e.predicate);
    Value* p = walked(buffers_[e.buffer], e.index, element, 0, scopes_.size());
    Value*& known = scopes_.back().chosen[{p, extra, before, predicate}];
    if (!known) {
      known = extra ? b_.CreateGEP(element, p, extra) : p;
      if (before) known = b_.CreateGEP(element, known, b_.getInt64(static_cast<uint64_t>(before)));
      known = b_.CreateSelect(predicate, known, zeros());
    }
    start = known;
  });
  start = walked(start, e.index, element, scope + 1, scopes_.size());
  if (inside || displacement == 0) return start;
  Value*& known = scopes_.back().address_of[{start, nullptr, displacement}];
  if (!known) {
    known = b_.CreateGEP(element, start, b_.getInt64(static_cast<uint64_t>(displacement)));
  }
  return known;
}

/// Readable zeros: what a load outside an array's bounds reads.
llvm::Value* KernelEmitter::zeros() {
  if (auto* known = module_.getNamedGlobal("zeros")) return known;
  auto* type = llvm::ArrayType::get(b_.getInt8Ty(), kZeroBytes + 64);
  // Not marked as constant: then objects hold its size alone.
  auto* global = new llvm::GlobalVariable(module_, type, false, llvm::GlobalValue::PrivateLinkage,
                                          llvm::ConstantAggregateZero::get(type), "zeros");
  global->setAlignment(llvm::Align(64));
  return global;
}

llvm::Value* KernelEmitter::lane_pointers(Value* base, llvm::Type* element, Value* stride,
                                          Value* offset) {
  std::vector<llvm::Constant*> numbers;
  for (unsigned i = 0; i < lanes(); ++i)
    numbers.push_back(b_.getInt64(i));
  Value* index = b_.CreateMul(llvm::ConstantVector::get(numbers), splat(stride));
  if (offset) index = b_.CreateAdd(index, offset);
  return b_.CreateGEP(element, base, index);
}

llvm::Value* KernelEmitter::splat(Value* v) {
  if (is_vector(v)) return v;
  if (auto* c = llvm::dyn_cast<llvm::Constant>(v)) return b_.CreateVectorSplat(lanes(), c);
  Value*& known = scopes_.back().splats[{v, lanes()}];
  if (!known) known = b_.CreateVectorSplat(lanes(), v);
  return known;
}

llvm::Value* KernelEmitter::all_lanes() {
  return b_.CreateVectorSplat(lanes(), b_.getInt1(true));
}

llvm::Value* KernelEmitter::limit_mask(const Stmt& s) {
  Key key{s.variable, s.bound.factor, s.bound.arg};
  key.insert(key.end(), at_.begin(), at_.end());
  for (const loop::Term& t : s.limit->terms) {
    key.insert(key.end(), {t.variable, t.coefficient.factor, t.coefficient.arg});
  }
  auto [it, fresh] = scopes_.back().masks.try_emplace(key);
  if (fresh) it->second = make_limit_mask(s);
  return it->second;
}

llvm::Value* KernelEmitter::make_limit_mask(const Stmt& s) {
  Value* left = b_.CreateSub(count_of(s.bound), scalar_index(*s.limit));
  const auto width = static_cast<uint64_t>(lanes());
  if (auto* c = llvm::dyn_cast<llvm::ConstantInt>(left)) {
    if (c->getSExtValue() >= static_cast<int64_t>(width)) return nullptr;
  }
  left = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, b_.getInt64(width));
  left = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, left, b_.getInt64(0));
  left = b_.CreateTrunc(left, b_.getInt32Ty());
  std::vector<llvm::Constant*> numbers;
  for (unsigned i = 0; i < lanes(); ++i)
    numbers.push_back(b_.getInt32(i));
  return b_.CreateICmpSLT(llvm::ConstantVector::get(numbers), b_.CreateVectorSplat(lanes(), left));
}

}  // namespace gradus::codegen
