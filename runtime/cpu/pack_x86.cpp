// A block is read in pieces of 16 bytes, which are put into the 128-bit lanes of registers where
// they belong after transposition; what is left to do is then within lanes: two unpacks a register.
#include "runtime/cpu/pack_isa.h"

#ifdef __x86_64__
#include <immintrin.h>

#define GRADUS_AVX2 __attribute__((target("avx2")))
#define GRADUS_AVX512 __attribute__((target("avx512f")))

namespace gradus::pack {
namespace {

inline const float* floats(const std::byte* p) {
  return reinterpret_cast<const float*>(p);
}
inline float* floats(std::byte* p) {
  return reinterpret_cast<float*>(p);
}
inline const double* doubles(const std::byte* p) {
  return reinterpret_cast<const double*>(p);
}
inline double* doubles(std::byte* p) {
  return reinterpret_cast<double*>(p);
}

// 512-bit registers.

/// Lane l holds four floats of row 4 l.
GRADUS_AVX512 inline __m512 lanes_of_rows_4(const std::byte* p, int64_t stride) {
  __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(floats(p)));
  x = _mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 4 * stride)), 1);
  x = _mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 8 * stride)), 2);
  return _mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 12 * stride)), 3);
}

GRADUS_AVX512 void transpose_4_avx512(const std::byte* src, int64_t stride, int64_t blocks,
                                      std::byte* dst, int64_t dst_stride) {
  for (int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      const std::byte* p = src + 16 * q;
      const __m512 r0 = lanes_of_rows_4(p, stride);
      const __m512 r1 = lanes_of_rows_4(p + stride, stride);
      const __m512 r2 = lanes_of_rows_4(p + 2 * stride, stride);
      const __m512 r3 = lanes_of_rows_4(p + 3 * stride, stride);
      const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1));
      const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
      const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3));
      const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));
      std::byte* d = dst + 4 * q * dst_stride;
      _mm512_storeu_pd(doubles(d), _mm512_unpacklo_pd(low01, low23));
      _mm512_storeu_pd(doubles(d + dst_stride), _mm512_unpackhi_pd(low01, low23));
      _mm512_storeu_pd(doubles(d + 2 * dst_stride), _mm512_unpacklo_pd(high01, high23));
      _mm512_storeu_pd(doubles(d + 3 * dst_stride), _mm512_unpackhi_pd(high01, high23));
    }
    src += 64;
    dst += 16 * dst_stride;
  }
}

/// Lane l holds two doubles of row 2 l.
GRADUS_AVX512 inline __m512d lanes_of_rows_8(const std::byte* p, int64_t stride) {
  __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(floats(p)));
  x = _mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 2 * stride)), 1);
  x = _mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 4 * stride)), 2);
  return _mm512_castps_pd(_mm512_insertf32x4(x, _mm_loadu_ps(floats(p + 6 * stride)), 3));
}

GRADUS_AVX512 void transpose_8_avx512(const std::byte* src, int64_t stride, int64_t blocks,
                                      std::byte* dst, int64_t dst_stride) {
  for (int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      const __m512d r0 = lanes_of_rows_8(src + 16 * q, stride);
      const __m512d r1 = lanes_of_rows_8(src + 16 * q + stride, stride);
      std::byte* d = dst + 2 * q * dst_stride;
      _mm512_storeu_pd(doubles(d), _mm512_unpacklo_pd(r0, r1));
      _mm512_storeu_pd(doubles(d + dst_stride), _mm512_unpackhi_pd(r0, r1));
    }
    src += 64;
    dst += 8 * dst_stride;
  }
}

GRADUS_AVX512 void copy_avx512(const std::byte* src, int64_t stride, int64_t count, int64_t lines,
                               std::byte* dst) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t l = 0; l < lines; ++l) {
      _mm512_storeu_ps(floats(dst + 64 * l), _mm512_loadu_ps(floats(src + 64 * l)));
    }
    src += stride;
    dst += 64 * lines;
  }
}

// 256-bit registers.

GRADUS_AVX2 inline __m256 two_rows(const std::byte* p, const std::byte* q) {
  const __m256 x = _mm256_castps128_ps256(_mm_loadu_ps(floats(p)));
  return _mm256_insertf128_ps(x, _mm_loadu_ps(floats(q)), 1);
}

GRADUS_AVX2 void transpose_4_avx2(const std::byte* src, int64_t stride, int64_t blocks,
                                  std::byte* dst, int64_t dst_stride) {
  for (int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 2
    for (int q = 0; q < 2; ++q) {
      const std::byte *p = src + 16 * q, *p4 = p + 4 * stride;
      const __m256 r0 = two_rows(p, p4);
      const __m256 r1 = two_rows(p + stride, p4 + stride);
      const __m256 r2 = two_rows(p + 2 * stride, p4 + 2 * stride);
      const __m256 r3 = two_rows(p + 3 * stride, p4 + 3 * stride);
      const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(r0, r1));
      const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(r0, r1));
      const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(r2, r3));
      const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(r2, r3));
      std::byte* d = dst + 4 * q * dst_stride;
      _mm256_storeu_pd(doubles(d), _mm256_unpacklo_pd(low01, low23));
      _mm256_storeu_pd(doubles(d + dst_stride), _mm256_unpackhi_pd(low01, low23));
      _mm256_storeu_pd(doubles(d + 2 * dst_stride), _mm256_unpacklo_pd(high01, high23));
      _mm256_storeu_pd(doubles(d + 3 * dst_stride), _mm256_unpackhi_pd(high01, high23));
    }
    src += 32;
    dst += 8 * dst_stride;
  }
}

GRADUS_AVX2 void transpose_8_avx2(const std::byte* src, int64_t stride, int64_t blocks,
                                  std::byte* dst, int64_t dst_stride) {
  for (int64_t b = 0; b < blocks; ++b) {
#pragma GCC unroll 2
    for (int q = 0; q < 2; ++q) {
      const std::byte *p = src + 16 * q, *p2 = p + 2 * stride;
      const __m256d r0 = _mm256_castps_pd(two_rows(p, p2));
      const __m256d r1 = _mm256_castps_pd(two_rows(p + stride, p2 + stride));
      std::byte* d = dst + 2 * q * dst_stride;
      _mm256_storeu_pd(doubles(d), _mm256_unpacklo_pd(r0, r1));
      _mm256_storeu_pd(doubles(d + dst_stride), _mm256_unpackhi_pd(r0, r1));
    }
    src += 32;
    dst += 4 * dst_stride;
  }
}

GRADUS_AVX2 void copy_avx2(const std::byte* src, int64_t stride, int64_t count, int64_t lines,
                           std::byte* dst) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t l = 0; l < 2 * lines; ++l) {
      _mm256_storeu_ps(floats(dst + 32 * l), _mm256_loadu_ps(floats(src + 32 * l)));
    }
    src += stride;
    dst += 64 * lines;
  }
}

}  // namespace

const Isa& avx2() {
  static constexpr Isa isa{{8, 8, transpose_4_avx2}, {4, 4, transpose_8_avx2}, copy_avx2};
  return isa;
}

const Isa& avx512() {
  static constexpr Isa isa{{16, 16, transpose_4_avx512}, {8, 8, transpose_8_avx512}, copy_avx512};
  return isa;
}

}  // namespace gradus::pack
#endif
