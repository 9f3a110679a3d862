// A vector of few plain elements, which lie in the object itself: the compiler makes hundreds of
// thousands of lists with one or two elements, and memory for each would be most of its time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

namespace gradus {

template <class T, size_t N>
class SmallVector {
  // (A pair is not trivially assignable, for no reason that matters here.)
  static_assert(std::is_trivially_copy_constructible_v<T> && std::is_trivially_destructible_v<T>);

 public:
  using value_type = T;
  using size_type = size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() {}
  explicit SmallVector(size_t count, const T& x = T()) { resize(count, x); }
  SmallVector(std::initializer_list<T> list) : SmallVector(list.begin(), list.end()) {}
  template <std::input_iterator I>
  SmallVector(I first, I last) {
    reserve(static_cast<size_t>(std::distance(first, last)));
    for (; first != last; ++first)
      push_back(*first);
  }
  SmallVector(const SmallVector& other) { assign(other.begin(), other.end()); }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this == &other) return *this;
    free();
    take(other);
    return *this;
  }
  ~SmallVector() { free(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return is_inside() ? few_ : many_; }
  const T* data() const { return const_cast<SmallVector*>(this)->data(); }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& front() { return data()[0]; }
  const T& front() const { return data()[0]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }

  void reserve(size_t count) {
    if (count > capacity_) grow(count);
  }
  void push_back(const T& x) {
    const T copy = x;  // it may lie in here
    if (size_ == capacity_) grow(2 * size_);
    new (data() + size_++) T(copy);
  }
  template <class... A>
  T& emplace_back(A&&... a) {
    push_back(T(std::forward<A>(a)...));
    return back();
  }
  void pop_back() { --size_; }
  void clear() { size_ = 0; }
  /// x lies elsewhere.
  void resize(size_t count, const T& x = T()) {
    reserve(count);
    for (size_t i = size_; i < count; ++i)
      new (data() + i) T(x);
    size_ = static_cast<uint32_t>(count);
  }
  /// The range lies elsewhere.
  template <class I>
  void assign(I first, I last) {
    const auto count = static_cast<size_t>(std::distance(first, last));
    reserve(count);
    std::uninitialized_copy(first, last, data());
    size_ = static_cast<uint32_t>(count);
  }
  /// The range lies elsewhere.
  template <class I>
  void insert(const T* before, I first, I last) {
    const auto at = static_cast<size_t>(before - begin());
    const auto count = static_cast<size_t>(std::distance(first, last));
    reserve(size_ + count);
    T* place = data() + at;
    for (size_t i = size_; i-- > at;)
      new (data() + i + count) T(data()[i]);
    std::uninitialized_copy(first, last, place);
    size_ += static_cast<uint32_t>(count);
  }

  friend bool operator==(const SmallVector& a, const SmallVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  bool is_inside() const { return capacity_ == N; }
  void grow(size_t least) {
    const size_t capacity = std::max<size_t>(least, 2 * N);
    T* p = std::allocator<T>().allocate(capacity);
    std::uninitialized_copy(begin(), end(), p);
    free();
    many_ = p;
    capacity_ = static_cast<uint32_t>(capacity);
  }
  void free() {
    if (!is_inside()) std::allocator<T>().deallocate(many_, capacity_);
    capacity_ = N;
  }
  void take(SmallVector& other) {
    if (other.is_inside()) {
      std::uninitialized_copy_n(other.few_, other.size_, few_);
    } else {
      many_ = other.many_;
    }
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, N);
  }

  union {
    T few_[N];
    T* many_;
  };
  uint32_t size_ = 0, capacity_ = N;
};

}  // namespace gradus
