#include "frontend/tensor.h"

#include <cstring>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include <fmt/format.h>

#include "frontend/tensor_impl.h"

namespace gradus {
namespace detail {

const Type* interned(const Type& type) {
  static std::shared_mutex mutex;
  static auto& types = *new std::unordered_multimap<size_t, const Type*>;
  const size_t key = hash_of(type);
  const auto find = [&]() -> const Type* {
    for (auto [it, end] = types.equal_range(key); it != end; ++it) {
      if (*it->second == type) return it->second;
    }
    return nullptr;
  };
  {
    std::shared_lock lock(mutex);
    if (const Type* found = find()) return found;
  }
  std::scoped_lock lock(mutex);
  if (const Type* found = find()) return found;
  return types.emplace(key, new Type(type))->second;
}

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kKeptNodes = 0;
#else
constexpr size_t kKeptNodes = 4096;
#endif

struct FreeNode {
  FreeNode* next;
};
/// Trivial, so that tensors may die after the thread's other variables.
struct NodeList {
  FreeNode* first;
  size_t count;
  bool is_closed;
};
thread_local NodeList free_nodes{};

/// Empties the thread's list at its end.
struct NodeListOwner {
  ~NodeListOwner() {
    free_nodes.is_closed = true;
    while (FreeNode* node = free_nodes.first) {
      free_nodes.first = node->next;
      ::operator delete(node);
    }
  }
};

}  // namespace

void* TensorImpl::operator new(size_t size) {
  NodeList& list = free_nodes;
  if (FreeNode* node = list.first) {
    list.first = node->next;
    --list.count;
    return node;
  }
  return ::operator new(size);
}

void TensorImpl::operator delete(void* memory) noexcept {
  NodeList& list = free_nodes;
  if (list.count >= kKeptNodes || list.is_closed) return ::operator delete(memory);
  if (list.count == 0) {
    thread_local const NodeListOwner owner;
    static_cast<void>(owner);
  }
  list.first = new (memory) FreeNode{list.first};
  ++list.count;
}

void destroy(TensorBase* tensor) noexcept {
  delete static_cast<TensorImpl*>(tensor);
}

void fail_empty(SourcePos where) {
  throw ValueError(Message{"tensor", "an empty tensor was used; got Tensor{}, expected a value",
                           where, "assign a value first; a tensor that was moved from is empty"});
}

Tensor wrap_buffer(const Type* interned_type, BufferPtr buffer, SourcePos made) {
  auto* impl = new TensorImpl;
  impl->type = interned_type;
  impl->buffer = std::move(buffer);
  impl->made = made;
  return Tensor(impl);
}

Tensor wrap_value(const Type& type, uint64_t trace, ir::Value value, SourcePos made) {
  auto* impl = new TensorImpl;
  impl->type = interned(type);
  impl->state = TensorImpl::State::Traced;
  impl->trace = trace;
  impl->value = value;
  impl->made = made;
  return Tensor(impl);
}

namespace {

/// A tensor of values that the program gives now. Given while a function is traced, they are part of
/// the function, not captured from outside.
Tensor from_program(const Type& type, BufferPtr buffer, SourcePos where) {
  Tensor tensor = wrap_buffer(interned(type), std::move(buffer), where);
  impl_of(tensor)->root = open_root();
  return tensor;
}

}  // namespace

Tensor make_concrete(const Type& type, const void* data, SourcePos where) {
  auto buffer = Buffer::allocate(type.bytes());
  if (type.bytes() > 0) std::memcpy(buffer->data(), data, type.bytes());
  return from_program(type, std::move(buffer), where);
}

Tensor make_splat(const Type& type, const void* element, SourcePos where) {
  auto buffer = Buffer::allocate(type.bytes());
  const size_t size = size_of(type.dtype);
  auto* to = buffer->as<std::byte>();
  for (int64_t i = 0; i < type.elements(); ++i) {
    std::memcpy(to + static_cast<size_t>(i) * size, element, size);
  }
  return from_program(type, std::move(buffer), where);
}

Tensor from_memory(DType dtype, const Shape& shape, const void* data, size_t count,
                   SourcePos where) {
  if (static_cast<int64_t>(count) != shape.elements()) {
    throw ShapeError(Message{"tensor",
                             fmt::format("values do not fill the shape; got {} values, expected "
                                         "{} for {}",
                                         count, shape.elements(), to_string(shape)),
                             where, "give one value for each element"});
  }
  return make_concrete({dtype, shape}, data, where);
}

Tensor borrow_memory(const Type& type, void* data, std::shared_ptr<void> owner, SourcePos where) {
  auto release = [owner = std::move(owner)] {};
  return wrap_buffer(interned(type), Buffer::borrow(data, type.bytes(), std::move(release)), where);
}

std::string describe(const TensorImpl& tensor) {
  std::string text = to_string(*tensor.type);
  if (tensor.made) text += fmt::format(" made at {}:{}", tensor.made.file, tensor.made.line);
  return text;
}

const BufferPtr& buffer_of(const char* op, const Tensor& x, SourcePos where) {
  if (x.is_empty()) fail_empty(where);
  const TensorImpl& impl = *impl_of(x);
  if (impl.state == TensorImpl::State::Traced) {
    throw TraceError(Message{
        op, fmt::format("a traced tensor has no value yet; got {}", describe(impl)), where,
        "choose between values with where(condition, a, b), or read the value outside the traced "
        "function"});
  }
  if (impl.state == TensorImpl::State::Donated) {
    std::string donated = "a donated tensor was read; got " + to_string(*impl.type);
    if (impl.made)
      donated += fmt::format(" moved into a call of the function jitted at {}:{}", impl.made.file,
                             impl.made.line);
    throw DonatedError(Message{op, std::move(donated), where,
                               "use the call's result, or pass a copy instead of std::move"});
  }
  return impl.buffer;
}

}  // namespace detail

using detail::TensorImpl;

bool Tensor::is_traced() const {
  return base_ && detail::impl_of(*this)->state == TensorImpl::State::Traced;
}

const void* Tensor::read(const char* op, DType dtype, bool single, SourcePos where) const {
  const BufferPtr& buffer = detail::buffer_of(op, *this, where);
  const Type& type = *base_->type;
  if (type.dtype != dtype) {
    throw DTypeError(Message{op,
                             fmt::format("read as another element type; got {}, expected {}",
                                         name_of(dtype), name_of(type.dtype)),
                             where, "ask for the tensor's element type, or convert it by astype"});
  }
  if (single && type.elements() != 1) {
    throw ShapeError(Message{
        op, fmt::format("more or less than one element; got {}, expected one", to_string(type)),
        where, "reduce or index the tensor first, or use to_vector"});
  }
  return buffer->data();
}

namespace detail {

std::optional<DType> promote(DType a, DType b) {
  if (a == b) return a;
  if (kind_of(a) == DTypeKind::Key || kind_of(b) == DTypeKind::Key) return std::nullopt;
  if (kind_of(a) == DTypeKind::Bool) return b;
  if (kind_of(b) == DTypeKind::Bool) return a;
  if (is_float(a) != is_float(b)) return is_float(a) ? a : b;
  if (kind_of(a) == kind_of(b)) return size_of(a) > size_of(b) ? a : b;
  const size_t with_sign = size_of(is_signed_int(a) ? a : b);
  const size_t without = size_of(is_signed_int(a) ? b : a);
  switch (std::max(with_sign, 2 * without)) {
    case 2:
      return DType::I16;
    case 4:
      return DType::I32;
    case 8:
      return DType::I64;
    default:
      return std::nullopt;
  }
}

Message promotion_failure(const char* op, DType a, DType b, SourcePos where) {
  const bool key = kind_of(a) == DTypeKind::Key || kind_of(b) == DTypeKind::Key;
  return {op,
          fmt::format("element types do not combine; got {} and {}: {}", name_of(a), name_of(b),
                      key ? "a key is no number" : "no integer type holds both"),
          where, key ? "draw numbers from the key first" : "convert one of them by astype"};
}

}  // namespace detail

DType promoted(DType a, DType b) {
  if (const auto dtype = detail::promote(a, b)) return *dtype;
  throw DTypeError(detail::promotion_failure("promoted", a, b, {}));
}

}  // namespace gradus
