// Tensor: the value that programs compute with. It is either concrete (a type and memory) or traced
// (a type and a place in a graph under construction); a function written over tensors cannot tell.
//
// A Tensor is one counted pointer to something immutable: copying it is cheap and never copies
// data.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gradus/runtime/error.h>
#include <gradus/runtime/type.h>

namespace gradus {

class Tensor;
class Arg;

/// C++ numbers that stand for scalars. Characters are none.
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                 !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                 !std::same_as<T, char32_t> && !std::same_as<T, long double>;

/// Element types of arrays in C++ memory.
template <class T>
concept Element = Number<T> || std::same_as<T, KeyData>;

namespace detail {

/// What is common to all tensors; the rest is known inside the library only.
struct TensorBase {
  std::atomic<uint32_t> references{1};
  const Type* type = nullptr;  // interned: equal types have equal addresses
};

void destroy(TensorBase* tensor) noexcept;
Tensor make_concrete(const Type& type, const void* data, SourcePos where);
Tensor make_splat(const Type& type, const void* element, SourcePos where);
[[noreturn]] void fail_empty(SourcePos where);

/// The element type that a C++ number has as a tensor by itself: that of the same width, but f32
/// for double, because 0.01 is a double only for want of a shorter way to write it.
template <Number T>
constexpr DType dtype_of_number() {
  if constexpr (std::same_as<T, bool>) {
    return DType::Bool;
  } else if constexpr (std::floating_point<T>) {
    return DType::F32;
  } else {
    constexpr bool kSigned = std::is_signed_v<T>;
    switch (sizeof(T)) {
      case 1:
        return kSigned ? DType::I8 : DType::U8;
      case 2:
        return kSigned ? DType::I16 : DType::U16;
      case 4:
        return kSigned ? DType::I32 : DType::U32;
      default:
        return kSigned ? DType::I64 : DType::U64;
    }
  }
}

}  // namespace detail

/// An index and the line where it was written.
struct Index {
  template <std::integral T>
  Index(T i, SourcePos where = SourcePos::here()) : value(static_cast<int64_t>(i)), where(where) {}

  int64_t value;
  SourcePos where;
};

class Tensor {
 public:
  /// No value. Every use but assignment and is_empty() is a ValueError.
  Tensor() = default;
  /// A scalar: `Tensor(0.01)` is f32[], `Tensor(3)` i32[], `Tensor(true)` bool[].
  template <Number T>
  Tensor(T x, SourcePos where = SourcePos::here()) {
    if constexpr (std::same_as<T, double>) {
      const float rounded = static_cast<float>(x);
      *this = detail::make_splat({DType::F32, {}}, &rounded, where);
    } else {
      *this = detail::make_splat({detail::dtype_of_number<T>(), {}}, &x, where);
    }
  }

  Tensor(const Tensor& other) noexcept : base_(other.base_) { retain(); }
  Tensor(Tensor&& other) noexcept : base_(std::exchange(other.base_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept {
    Tensor copy(other);
    std::swap(base_, copy.base_);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor moved(std::move(other));
    std::swap(base_, moved.base_);
    return *this;
  }
  ~Tensor() {
    if (base_ && base_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      detail::destroy(base_);
    }
  }

  bool is_empty() const { return base_ == nullptr; }
  /// Whether this is a place in a graph that is being traced.
  bool is_traced() const;

  const Type& type(SourcePos where = SourcePos::here()) const {
    if (!base_) detail::fail_empty(where);
    return *base_->type;
  }
  const Shape& shape(SourcePos where = SourcePos::here()) const { return type(where).shape; }
  DType dtype(SourcePos where = SourcePos::here()) const { return type(where).dtype; }
  int rank(SourcePos where = SourcePos::here()) const { return type(where).rank(); }
  /// The number of elements.
  int64_t size(SourcePos where = SourcePos::here()) const { return type(where).elements(); }

  /// The value of a concrete tensor with one element. Throws DTypeError unless T is its element
  /// type, ShapeError unless it has one element, TraceError for a traced tensor and DonatedError
  /// for one whose memory was given to a call.
  template <Element T>
  T item(SourcePos where = SourcePos::here()) const {
    return *static_cast<const T*>(read("item", dtype_of<T>(), true, where));
  }
  /// A copy of all elements, row-major; errors as item(). bool comes as uint8_t.
  template <Element T>
  auto to_vector(SourcePos where = SourcePos::here()) const {
    using Stored = std::conditional_t<std::same_as<T, bool>, uint8_t, T>;
    const auto* first = static_cast<const Stored*>(read("to_vector", dtype_of<T>(), false, where));
    return std::vector<Stored>(first, first + size());
  }
  /// The elements themselves, valid while the tensor lives; errors as item().
  template <Element T>
  std::span<const T> data(SourcePos where = SourcePos::here()) const {
    const auto* first = static_cast<const T*>(read("data", dtype_of<T>(), false, where));
    return {first, static_cast<size_t>(size())};
  }

  /// x[i]: entry i of the first axis (from the end if negative).
  Tensor operator[](Index i) const;

  Tensor& operator+=(Arg other);
  Tensor& operator-=(Arg other);
  Tensor& operator*=(Arg other);
  Tensor& operator/=(Arg other);

  /// A condition on a tensor would have to wait for its value, which a traced one does not have:
  /// use where(…), or x.item<bool>() on a concrete tensor.
  explicit operator bool() const = delete;

  /// Logical; a member, because with an Arg it would compete with the deleted conversion.
  Tensor operator!() const;

  friend Tensor operator+(Arg a, Arg b);
  friend Tensor operator-(Arg a, Arg b);
  friend Tensor operator*(Arg a, Arg b);
  /// Integers divide as f32.
  friend Tensor operator/(Arg a, Arg b);
  /// The sign is the dividend's, as in C++.
  friend Tensor operator%(Arg a, Arg b);
  friend Tensor operator-(Arg x);
  friend Tensor operator+(Arg x);
  friend Tensor operator==(Arg a, Arg b);
  friend Tensor operator!=(Arg a, Arg b);
  friend Tensor operator<(Arg a, Arg b);
  friend Tensor operator<=(Arg a, Arg b);
  friend Tensor operator>(Arg a, Arg b);
  friend Tensor operator>=(Arg a, Arg b);
  /// Bitwise on integers, logical on bools.
  friend Tensor operator&(Arg a, Arg b);
  friend Tensor operator|(Arg a, Arg b);
  friend Tensor operator^(Arg a, Arg b);
  friend Tensor operator~(Arg x);
  friend Tensor operator<<(Arg a, Arg b);
  friend Tensor operator>>(Arg a, Arg b);

  /// Type and values; large tensors abbreviated, traced ones as "traced f32[3]".
  friend std::ostream& operator<<(std::ostream& out, const Tensor& x);

  /// For the library.
  explicit Tensor(detail::TensorBase* adopted) : base_(adopted) {}
  detail::TensorBase* base() const { return base_; }

 private:
  void retain() const {
    if (base_) base_->references.fetch_add(1, std::memory_order_relaxed);
  }
  const void* read(const char* op, DType dtype, bool single, SourcePos where) const;

  detail::TensorBase* base_ = nullptr;
};

std::string to_string(const Tensor& x);

/// An operand: a tensor, or a C++ number, which takes the element type of the tensors beside it (a
/// number is "weak"; a Tensor never is). Remembers the line where it was written. Only for
/// parameters: it refers to its tensor.
class Arg {
 public:
  enum class Kind : uint8_t { Tensor, Bool, Integer, Unsigned, Real };

  Arg(const Tensor& x, SourcePos where = SourcePos::here())
      : tensor_(&x), where_(where), kind_(Kind::Tensor) {}
  template <Number T>
  Arg(T x, SourcePos where = SourcePos::here()) : where_(where) {
    if constexpr (std::same_as<T, bool>) {
      kind_ = Kind::Bool;
      integer_ = x;
    } else if constexpr (std::floating_point<T>) {
      kind_ = Kind::Real;
      real_ = static_cast<double>(x);
    } else if constexpr (std::is_signed_v<T>) {
      kind_ = Kind::Integer;
      integer_ = x;
    } else {
      kind_ = Kind::Unsigned;
      unsigned_ = x;
    }
  }

  Kind kind() const { return kind_; }
  bool is_tensor() const { return kind_ == Kind::Tensor; }
  const Tensor& tensor() const { return *tensor_; }
  int64_t integer() const { return integer_; }
  uint64_t unsigned_integer() const { return unsigned_; }
  double real() const { return real_; }
  SourcePos where() const { return where_; }

 private:
  union {
    const Tensor* tensor_;
    int64_t integer_;
    uint64_t unsigned_;
    double real_;
  };
  SourcePos where_;
  Kind kind_;
};

/// The element type of a result of operands of these types: equal types stay; bool gives way to
/// numbers, integers to floats, the narrower to the wider; u8 with i8 is i16, u16 with i16 i32, u32
/// with a signed type of at most 32 bits i64. DTypeError for keys with anything else, and for u64
/// with signed integers, which no integer type holds.
DType promoted(DType a, DType b);

/// Zeros, ones, or a number everywhere. In a trace these are constants of the graph, whatever
/// their size.
Tensor zeros(Shape shape, DType dtype = DType::F32, SourcePos where = SourcePos::here());
Tensor ones(Shape shape, DType dtype = DType::F32, SourcePos where = SourcePos::here());
/// Of the value's own type: full({2}, 0.5) is f32[2], full({2}, 1) i32[2].
Tensor full(Shape shape, Arg value);
Tensor full(Shape shape, Arg value, DType dtype);
Tensor zeros_like(const Tensor& x, SourcePos where = SourcePos::here());
Tensor ones_like(const Tensor& x, SourcePos where = SourcePos::here());
Tensor full_like(const Tensor& x, Arg value);

/// 0, 1, … along dimension `dim`.
Tensor iota(Shape shape, int dim = 0, DType dtype = DType::I32,
            SourcePos where = SourcePos::here());
/// 0, 1, …, n - 1.
Tensor arange(int64_t n, DType dtype = DType::I32, SourcePos where = SourcePos::here());
/// `n` numbers from `first` to `last`, both included.
Tensor linspace(double first, double last, int64_t n, DType dtype = DType::F32,
                SourcePos where = SourcePos::here());

/// tensor({1.0, 2.5}) is f32[2], tensor({1, 2}) i32[2]; tensor({1, 2, 3, 4}, {2, 2}) i32[2,2].
Tensor tensor(std::initializer_list<double> values, SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<double> values, Shape shape,
              SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<int> values, SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<int> values, Shape shape, SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<float> values, SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<float> values, Shape shape,
              SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<bool> values, SourcePos where = SourcePos::here());
Tensor tensor(std::initializer_list<bool> values, Shape shape, SourcePos where = SourcePos::here());
/// f32[rows, columns].
Tensor tensor(std::initializer_list<std::initializer_list<double>> rows,
              SourcePos where = SourcePos::here());

namespace detail {
/// Throws ShapeError unless `shape` has `count` elements.
Tensor from_memory(DType dtype, const Shape& shape, const void* data, size_t count,
                   SourcePos where);
Tensor borrow_memory(const Type& type, void* data, std::shared_ptr<void> owner, SourcePos where);
}  // namespace detail

/// A copy of C++ memory, row-major: tensor(values) is of rank 1.
template <Element T>
Tensor tensor(std::span<const T> values, Shape shape, SourcePos where = SourcePos::here()) {
  return detail::from_memory(dtype_of<T>(), shape, values.data(), values.size(), where);
}
template <Element T>
Tensor tensor(const std::vector<T>& values, Shape shape, SourcePos where = SourcePos::here()) {
  return detail::from_memory(dtype_of<T>(), shape, values.data(), values.size(), where);
}
template <Element T>
Tensor tensor(const std::vector<T>& values, SourcePos where = SourcePos::here()) {
  return tensor(values, Shape{static_cast<int64_t>(values.size())}, where);
}
template <Element T>
Tensor tensor(const T* data, Shape shape, SourcePos where = SourcePos::here()) {
  const auto count = static_cast<size_t>(shape.elements());
  return detail::from_memory(dtype_of<T>(), shape, data, count, where);
}

/// A tensor on memory that stays the caller's: not copied, never donated, kept alive by `owner` (or
/// by the caller, who must not change it while tensors on it live). 64-byte alignment is best.
template <Element T>
Tensor borrow(const T* data, Shape shape, std::shared_ptr<void> owner = nullptr,
              SourcePos where = SourcePos::here()) {
  return detail::borrow_memory({dtype_of<T>(), shape}, const_cast<T*>(data), std::move(owner),
                               where);
}

/// In a trace: `x` becomes part of the graph. A jitted function that uses a tensor from outside
/// says by this that later changes of the C++ variable are not meant to be seen.
Tensor constant(const Tensor& x, SourcePos where = SourcePos::here());

}  // namespace gradus
