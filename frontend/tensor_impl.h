// The inside of a Tensor. Internal to the frontend.
#pragma once

#include <optional>

#include "compiler/ir/graph.h"
#include "frontend/tensor.h"
#include "runtime/buffer.h"

namespace gradus::detail {

struct TensorImpl : TensorBase {
  enum class State : uint8_t { Concrete, Traced, Donated };

  State state = State::Concrete;
  SourcePos made;    // the user's line that made it; for a donated one, the line that gave it away
  BufferPtr buffer;  // concrete: row-major elements
  uint64_t trace = 0;  // traced: which trace, and where in its graph
  ir::Value value;
  uint64_t root = 0;  // concrete: the root trace during which it was made from C++ values, if any

  /// From a list of the thread: a call makes and drops as many as it has results.
  static void* operator new(size_t size);
  static void operator delete(void* memory) noexcept;
};

inline TensorImpl* impl_of(const Tensor& x) {
  return static_cast<TensorImpl*>(x.base());
}

/// The one copy of an equal type.
const Type* interned(const Type& type);
/// The thread's lowest open trace; 0 if there is none.
uint64_t open_root();

Tensor wrap_buffer(const Type* interned_type, BufferPtr buffer, SourcePos made);
Tensor wrap_value(const Type& type, uint64_t trace, ir::Value value, SourcePos made);

/// The buffer of a concrete tensor, for reading by `op`; the errors of Tensor::item otherwise.
const BufferPtr& buffer_of(const char* op, const Tensor& x, SourcePos where);

/// As promoted(); none where that throws.
std::optional<DType> promote(DType a, DType b);
Message promotion_failure(const char* op, DType a, DType b, SourcePos where);

/// "f32[3] made at model.cpp:12".
std::string describe(const TensorImpl& tensor);

}  // namespace gradus::detail
