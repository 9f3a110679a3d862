#include "compiler/codegen/llvm/scalar_emitter.h"

#include <llvm/IR/Intrinsics.h>

#include "runtime/error.h"

namespace gradus::codegen {

using loop::ScalarOp;
namespace intrinsics = llvm::Intrinsic;

namespace {

llvm::Constant* like(llvm::Value* v, uint64_t bits) {
  const unsigned width = v->getType()->getScalarSizeInBits();
  return llvm::ConstantInt::get(v->getType(),
                                width < 64 ? bits & ((uint64_t{1} << width) - 1) : bits);
}

unsigned bits_in(llvm::Value* v) {
  return v->getType()->getScalarSizeInBits();
}

}  // namespace

llvm::Type* ScalarEmitter::type(DType dtype) const {
  auto& c = b_.getContext();
  switch (dtype) {
    case DType::Bool:
      return llvm::Type::getInt1Ty(c);
    case DType::F32:
      return llvm::Type::getFloatTy(c);
    case DType::F64:
      return llvm::Type::getDoubleTy(c);
    default:
      return llvm::Type::getIntNTy(c, static_cast<unsigned>(8 * size_of(dtype)));
  }
}

llvm::Type* ScalarEmitter::memory_type(DType dtype) const {
  return dtype == DType::Bool ? llvm::Type::getInt8Ty(b_.getContext()) : type(dtype);
}

llvm::Type* ScalarEmitter::shaped_like(llvm::Value* v, llvm::Type* element) const {
  auto* vector = llvm::dyn_cast<llvm::VectorType>(v->getType());
  return vector ? llvm::VectorType::get(element, vector->getElementCount()) : element;
}

llvm::Constant* ScalarEmitter::constant(DType dtype, loop::Bits bits) const {
  if (!is_float(dtype)) return llvm::ConstantInt::get(type(dtype), bits);
  const auto& semantics =
      dtype == DType::F32 ? llvm::APFloat::IEEEsingle() : llvm::APFloat::IEEEdouble();
  const llvm::APInt value(static_cast<unsigned>(8 * size_of(dtype)), bits);
  return llvm::ConstantFP::get(b_.getContext(), llvm::APFloat(semantics, value));
}

llvm::Value* ScalarEmitter::integer_divide(ScalarOp op, DType dtype, llvm::Value* x,
                                           llvm::Value* y) {
  const bool is_signed = is_signed_int(dtype);
  auto* zero = b_.CreateICmpEQ(y, like(y, 0));
  llvm::Value* unsafe = zero;
  if (is_signed) {
    const uint64_t lowest = uint64_t{1} << (bits_in(x) - 1);
    unsafe = b_.CreateOr(zero, b_.CreateAnd(b_.CreateICmpEQ(x, like(x, lowest)),
                                            b_.CreateICmpEQ(y, like(y, ~uint64_t{0}))));
  }
  auto* safe = b_.CreateSelect(unsafe, like(y, 1), y);
  if (op == ScalarOp::Div) {
    auto* q = is_signed ? b_.CreateSDiv(x, safe) : b_.CreateUDiv(x, safe);
    return b_.CreateSelect(zero, like(x, ~uint64_t{0}), q);
  }
  auto* r = is_signed ? b_.CreateSRem(x, safe) : b_.CreateURem(x, safe);
  return b_.CreateSelect(zero, x, r);
}

llvm::Value* ScalarEmitter::shift(ScalarOp op, llvm::Value* x, llvm::Value* y) {
  const unsigned width = bits_in(x);
  auto* inside = b_.CreateICmpULT(y, like(y, width));
  auto* safe = b_.CreateSelect(inside, y, like(y, op == ScalarOp::ShrArith ? width - 1 : 0));
  switch (op) {
    case ScalarOp::ShrArith:
      return b_.CreateAShr(x, safe);
    case ScalarOp::Shl:
      return b_.CreateSelect(inside, b_.CreateShl(x, safe), like(x, 0));
    default:
      return b_.CreateSelect(inside, b_.CreateLShr(x, safe), like(x, 0));
  }
}

llvm::Value* ScalarEmitter::compare(ScalarOp op, DType dtype, llvm::Value* x, llvm::Value* y) {
  using P = llvm::CmpInst::Predicate;
  const bool real = is_float(dtype), is_signed = is_signed_int(dtype);
  const auto make = [&](P for_real, P for_signed, P for_unsigned) {
    return real ? b_.CreateFCmp(for_real, x, y)
                : b_.CreateICmp(is_signed ? for_signed : for_unsigned, x, y);
  };
  switch (op) {
    case ScalarOp::Eq:
      return make(P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ);
    case ScalarOp::Ne:
      return make(P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE);
    case ScalarOp::Lt:
      return make(P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT);
    case ScalarOp::Le:
      return make(P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE);
    case ScalarOp::Gt:
      return make(P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT);
    default:
      return make(P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE);
  }
}

llvm::Value* ScalarEmitter::convert(DType from, DType to, llvm::Value* x) {
  if (from == to) return x;
  llvm::Type* target = shaped_like(x, type(to));
  if (to == DType::Bool) {
    return is_float(from) ? b_.CreateFCmpUNE(x, llvm::Constant::getNullValue(x->getType()))
                          : b_.CreateICmpNE(x, like(x, 0));
  }
  if (is_float(from) && is_float(to)) {
    return size_of(to) > size_of(from) ? b_.CreateFPExt(x, target) : b_.CreateFPTrunc(x, target);
  }
  if (is_float(from)) {
    const auto id = is_signed_int(to) ? intrinsics::fptosi_sat : intrinsics::fptoui_sat;
    return b_.CreateIntrinsic(id, {target, x->getType()}, {x});
  }
  const bool is_signed = is_signed_int(from);
  if (is_float(to)) return is_signed ? b_.CreateSIToFP(x, target) : b_.CreateUIToFP(x, target);
  return is_signed ? b_.CreateSExtOrTrunc(x, target) : b_.CreateZExtOrTrunc(x, target);
}

llvm::Value* ScalarEmitter::op(ScalarOp op, DType dtype, DType result,
                               std::span<llvm::Value* const> in) {
  const bool f = is_float(dtype);
  llvm::Value *x = in[0], *y = in.size() > 1 ? in[1] : nullptr;
  switch (op) {
    case ScalarOp::Add:
      return f ? b_.CreateFAdd(x, y) : b_.CreateAdd(x, y);
    case ScalarOp::Sub:
      return f ? b_.CreateFSub(x, y) : b_.CreateSub(x, y);
    case ScalarOp::Mul:
      return f ? b_.CreateFMul(x, y) : b_.CreateMul(x, y);
    case ScalarOp::Div:
      return f ? b_.CreateFDiv(x, y) : integer_divide(op, dtype, x, y);
    case ScalarOp::Rem:
      return f ? b_.CreateFRem(x, y) : integer_divide(op, dtype, x, y);
    case ScalarOp::Fma:
      return f ? b_.CreateIntrinsic(intrinsics::fma, {x->getType()}, {x, y, in[2]})
               : b_.CreateAdd(b_.CreateMul(x, y), in[2]);
    case ScalarOp::Neg:
      return f ? b_.CreateFNeg(x) : b_.CreateNeg(x);
    case ScalarOp::Abs:
      if (f) return b_.CreateUnaryIntrinsic(intrinsics::fabs, x);
      if (!is_signed_int(dtype)) return x;
      return b_.CreateBinaryIntrinsic(intrinsics::abs, x, b_.getInt1(false));
    case ScalarOp::Sqrt:
      return b_.CreateUnaryIntrinsic(intrinsics::sqrt, x);
    case ScalarOp::Floor:
      return f ? b_.CreateUnaryIntrinsic(intrinsics::floor, x) : x;
    case ScalarOp::Ceil:
      return f ? b_.CreateUnaryIntrinsic(intrinsics::ceil, x) : x;
    case ScalarOp::RoundEven:
      return f ? b_.CreateUnaryIntrinsic(intrinsics::roundeven, x) : x;
    case ScalarOp::And:
      return b_.CreateAnd(x, y);
    case ScalarOp::Or:
      return b_.CreateOr(x, y);
    case ScalarOp::Xor:
      return b_.CreateXor(x, y);
    case ScalarOp::Not:
      return b_.CreateNot(x);
    case ScalarOp::Shl:
    case ScalarOp::Shr:
    case ScalarOp::ShrArith:
      return shift(op, x, y);
    case ScalarOp::Eq:
    case ScalarOp::Ne:
    case ScalarOp::Lt:
    case ScalarOp::Le:
    case ScalarOp::Gt:
    case ScalarOp::Ge:
      return compare(op, dtype, x, y);
    case ScalarOp::Select:
      return b_.CreateSelect(x, y, in[2]);
    case ScalarOp::Convert:
      return convert(dtype, result, x);
    case ScalarOp::Bitcast:
      return b_.CreateBitCast(x, shaped_like(x, type(result)));
  }
  GRADUS_CHECK(false, "unknown scalar op");
  return nullptr;
}

}  // namespace gradus::codegen
