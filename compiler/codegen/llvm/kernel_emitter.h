// One kernel of the loop IR as one LLVM function. Private to this folder.
//
// Unroll loops are replicated, Vector loops become vector values, Serial and Reduce loops become
// bottom-tested loops with a phi per local that changes and a pointer that walks per access pattern.
// Loads and expressions are shared within a scope until a store or assignment may change them.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <tuple>
#include <vector>

#include "compiler/codegen/llvm/scalar_emitter.h"
#include "compiler/loop/loop_ir.h"

namespace gradus::codegen {

class KernelEmitter {
 public:
  KernelEmitter(const loop::Kernel& kernel, llvm::Module& module);
  void run();

 private:
  using Value = llvm::Value;
  /// (factor, arg) pairs in ascending order of arg; their sum multiplies one variable.
  using Coefficients = std::vector<std::pair<int, int64_t>>;
  using Key = std::vector<int64_t>;
  /// What an expression depends on.
  struct Depends {
    loop::NumberSet variables, locals, groups;
    void operator|=(const Depends& d) {
      variables |= d.variables;
      locals |= d.locals;
      groups |= d.groups;
    }
  };
  struct Known {
    Value* value;
    Depends depends;
  };
  /// A pointer that advances with a loop.
  struct Walk {
    llvm::PHINode* pointer;
    Value* stride;
    llvm::Type* element;
  };
  /// A Serial or Reduce loop being emitted, or the function itself (variable -1).
  struct Scope {
    int variable = -1;
    llvm::BasicBlock* before = nullptr;  // what does not change in the loop goes to its end
    llvm::PHINode* counter = nullptr;
    std::vector<Walk> walks;
    std::map<std::pair<Value*, Coefficients>, Value*> walk_of;
    std::map<std::tuple<Value*, Value*, int64_t>, Value*> address_of;
    std::map<std::tuple<Value*, Value*, int64_t, Value*>, Value*> chosen;  // addresses or zeros
    std::map<Key, Known> known;
    std::map<std::pair<Value*, unsigned>, Value*> splats;
    std::map<Key, Value*> masks;
  };

  void find_dependences();
  void emit(const std::vector<loop::Stmt>& body);
  void emit_for(const loop::Stmt& s);
  void emit_counted(const loop::Stmt& s);
  void emit_assign(const loop::Stmt& s);
  void emit_store(const loop::Stmt& s);
  void emit_lane_reduce(const loop::Stmt& s);
  template <class F>
  void each_element(const std::vector<int>& dims, size_t next, F f);
  std::vector<Value*> lanes_of(int local);
  std::vector<Value*> eval_program(const loop::ScalarBuilder& program,
                                   std::span<const loop::V> results,
                                   std::span<Value* const> inputs);
  void add_phis(const loop::Stmt& s, std::vector<std::pair<Key, llvm::PHINode*>>& phis);

  Value* eval(int expr);
  Value* eval_op(const loop::Expr& e);
  Value* eval_load(const loop::Expr& e);
  Value* eval_index(const loop::Expr& e);
  Value* scalar_index(const loop::Index& index);
  Value* address(int buffer, const loop::Index& index, Value* offset);
  /// The same; where the load's predicate fails: zeros. nullptr if that many zeros are not at hand.
  Value* address_or_zeros(const loop::Expr& e);
  std::pair<Value*, int64_t> fixed_part(const loop::Index& index);
  /// The pointer as the loops of scopes from … to-1 advance it.
  Value* walked(Value* p, const loop::Index& index, llvm::Type* element, size_t from, size_t to);
  /// Runs f as if the scopes behind number `scope` were not open: what it emits comes before them.
  template <class F>
  void outside(size_t scope, F f);
  Value* zeros();
  Value* lane_pointers(Value* base, llvm::Type* element, Value* stride, Value* offset);
  Coefficients coefficients(const loop::Index& index, int variable) const;
  Value* value_of(const Coefficients& c);
  Value* count_of(const loop::Coefficient& c) { return value_of({{c.arg, c.factor}}); }
  Value* splat(Value* v);
  Value* all_lanes();
  Value* limit_mask(const loop::Stmt& s);
  Value* make_limit_mask(const loop::Stmt& s);
  void forget(const Depends& changed);
  Key key_of(int expr) const;
  Key register_of(int local) const;
  bool is_vector(Value* v) const { return v->getType()->isVectorTy(); }
  unsigned lanes() const { return static_cast<unsigned>(k_.variables[vector_].count); }

  const loop::Kernel& k_;
  llvm::Module& module_;
  llvm::IRBuilder<> b_;
  ScalarEmitter scalars_;
  llvm::Function* function_ = nullptr;
  std::vector<Value*> buffers_, args_;
  std::vector<Scope> scopes_;
  std::vector<int64_t> at_;  // current value of each Unroll variable, -1 outside its loop
  int vector_ = -1;          // the Vector variable of the innermost loop
  Value* mask_ = nullptr;    // its lanes that run; nullptr = all
  std::map<Key, Value*> registers_;
  std::map<Coefficients, Value*> products_;
  std::vector<Depends> depends_;
};

}  // namespace gradus::codegen
