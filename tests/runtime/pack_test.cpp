#include "runtime/cpu/pack.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <vector>

using namespace gradus;

namespace {

/// Packs an n x k operand with every instruction set there is; all elements are checked.
template <class T>
void check(int64_t n, int64_t k, int64_t stride_n, int64_t stride_k, int64_t width) {
  const int64_t panels = (n + width - 1) / width;
  // Just large enough: what is read beyond it AddressSanitizer sees.
  const int64_t last = n && k ? (n - 1) * stride_n + (k - 1) * stride_k : -1;
  std::vector<T> src(static_cast<size_t>(last + 1));
  for (size_t i = 0; i < src.size(); ++i)
    src[i] = static_cast<T>(i + 1);
  for (PackIsa isa : {PackIsa::Portable, PackIsa::Avx2, PackIsa::Avx512}) {
    if (!can_pack_with(isa)) continue;
    INFO("n " << n << ", k " << k << ", strides " << stride_n << " " << stride_k << ", width "
              << width << ", isa " << static_cast<int>(isa));
    const T untouched = static_cast<T>(-1);
    std::vector<T> dst(static_cast<size_t>((panels + 1) * k * width), untouched);
    void* buffers[] = {dst.data(), src.data()};
    // In two calls, the second part first, as threads may do it.
    const int64_t middle = panels / 2;
    for (const auto& [begin, end] : {std::array{middle, panels}, std::array{int64_t{0}, middle}}) {
      const int64_t args[] = {begin, end, n, k, stride_n, stride_k, width};
      pack_panels_with(isa, sizeof(T), buffers, args);
    }
    size_t wrong = 0;
    for (int64_t p = 0; p <= panels; ++p) {
      for (int64_t kk = 0; kk < k; ++kk) {
        for (int64_t j = 0; j < width; ++j) {
          const int64_t row = p * width + j;
          const T expected = p == panels ? untouched
                             : row < n   ? src[static_cast<size_t>(row * stride_n + kk * stride_k)]
                                         : T(0);
          wrong += dst[static_cast<size_t>((p * k + kk) * width + j)] != expected;
        }
      }
    }
    REQUIRE(wrong == 0);
  }
}

template <class T>
void check_all() {
  for (int64_t width : {2, 4, 12, 16, 20, 32, 48, 64, 128}) {
    for (int64_t n : {1, 16, 47, 48, 49, 130}) {
      for (int64_t k : {0, 1, 3, 16, 17, 64, 67, 150}) {
        check<T>(n, k, 1, n, width);  // columns contiguous
        check<T>(n, k, 1, n + 3, width);
        check<T>(n, k, k + 1, 1, width);  // rows contiguous
        check<T>(n, k, k + 16, 1, width);
        check<T>(n, k, 2 * k + 1, 2, width);  // neither
        check<T>(n, k, 0, 1, width);          // one row for all
      }
    }
  }
}

}  // namespace

TEST_CASE("panels of 4-byte elements are packed, transposed or not, with zeros beyond the end") {
  check_all<uint32_t>();
}

TEST_CASE("panels of 8-byte elements are packed, transposed or not, with zeros beyond the end") {
  check_all<uint64_t>();
}

TEST_CASE("panels of 1- and 2-byte elements are packed") {
  check_all<uint8_t>();
  check_all<uint16_t>();
}

TEST_CASE("the leaf kernels take the best instruction set of this CPU") {
  const std::vector<float> a(40 * 20, 2.5f);
  const std::vector<double> b(40 * 20, -1.5);
  std::vector<float> packed_a(48 * 20, 7.0f);
  std::vector<double> packed_b(48 * 20, 7.0);
  const int64_t args[] = {0, 1, 40, 20, 20, 1, 48};
  void* buffers_a[] = {packed_a.data(), const_cast<float*>(a.data())};
  void* buffers_b[] = {packed_b.data(), const_cast<double*>(b.data())};
  pack_panels(4)(buffers_a, args);
  pack_panels(8)(buffers_b, args);
  for (int i = 0; i < 20 * 48; ++i) {
    REQUIRE(packed_a[i] == (i % 48 < 40 ? 2.5f : 0.0f));
    REQUIRE(packed_b[i] == (i % 48 < 40 ? -1.5 : 0.0));
  }
}
