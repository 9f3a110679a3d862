// Scalar programs run on the host, and arrays packed from bits: what the tests of the rows share.
#pragma once

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "compiler/loop/scalar.h"
#include "compiler/ops/op.h"

namespace gradus::testing {

using loop::Bits;

/// Runs what the results of a program depend on, by loop::evaluate.
class Program {
 public:
  Program(loop::ScalarBuilder builder, std::vector<loop::V> results);
  /// The scalar program of an elementwise row.
  Program(const ops::OpDef& op, const ir::Attrs& attrs, std::span<const DType> operands,
          std::span<const Type> results);

  std::vector<Bits> run(std::span<const Bits> inputs);
  /// One result.
  Bits operator()(std::span<const Bits> inputs);
  /// How many operations run (moves of bits apart).
  int operations() const;
  const loop::ScalarBuilder& builder() const { return builder_; }

 private:
  void find_live();
  void run_all(std::span<const Bits> inputs);

  loop::ScalarBuilder builder_;
  std::vector<loop::V> results_;
  std::vector<int32_t> live_;
  std::vector<Bits> values_;
};

/// The units in the last place of `dtype` that x is away from `expected`; 0 for two NaN, infinity
/// for one. Beyond the range of the dtype only infinity is right.
double ulps(DType dtype, double x, long double expected);

double real_of(DType dtype, Bits bits);
Bits bits_of_real(DType dtype, double x);

/// One-dimensional array of elements given as bits, and back.
ops::RefArray array_of(DType dtype, std::span<const Bits> bits);

/// Zeros, ones, limits, infinities, NaN, subnormals, halves: what rules get wrong.
std::vector<Bits> special_bits(DType dtype);

}  // namespace gradus::testing
