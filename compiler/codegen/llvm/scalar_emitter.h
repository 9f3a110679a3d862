// Scalar operations on LLVM values. Private to this folder.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <span>

#include "compiler/loop/scalar.h"

namespace gradus::codegen {

/// Works on scalars and on vectors alike.
class ScalarEmitter {
 public:
  explicit ScalarEmitter(llvm::IRBuilder<>& b) : b_(b) {}

  llvm::Type* type(DType dtype) const;         // of a value: bool is i1
  llvm::Type* memory_type(DType dtype) const;  // of an element in memory: bool is i8
  llvm::Constant* constant(DType dtype, loop::Bits bits) const;
  /// `operand` is the dtype of the last operand.
  llvm::Value* op(loop::ScalarOp op, DType operand, DType result, std::span<llvm::Value* const> in);

 private:
  llvm::Value* integer_divide(loop::ScalarOp op, DType dtype, llvm::Value* x, llvm::Value* y);
  llvm::Value* shift(loop::ScalarOp op, llvm::Value* x, llvm::Value* y);
  llvm::Value* compare(loop::ScalarOp op, DType dtype, llvm::Value* x, llvm::Value* y);
  llvm::Value* convert(DType from, DType to, llvm::Value* x);
  llvm::Type* shaped_like(llvm::Value* v, llvm::Type* element) const;

  llvm::IRBuilder<>& b_;
};

}  // namespace gradus::codegen
