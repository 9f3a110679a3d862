// Valid operands and attributes for every row of the op table, so that tests (and whoever else
// needs a node of each kind) can run over ops::all_ops(). Rows of the elementwise and reduce
// families get samples from their type rules alone; a row of another family without samples is an
// error.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "compiler/ops/op.h"

namespace gradus::testing {

/// Where an operand's elements are drawn from, so that its op is defined (and, for floats, smooth).
struct Domain {
  double low = -2, high = 2;
};

struct OpSample {
  const ops::OpDef* op = nullptr;
  std::vector<Type> operands;
  ir::Attrs attributes;
  std::vector<Domain> domains;  // one for each operand
};

/// Samples with floats of that dtype; every other dtype that the row takes occurs too.
std::vector<OpSample> samples_of(const ops::OpDef& op, DType floats = DType::F64);

/// The op applied to its operands as inputs, all results as outputs.
ir::Graph graph_of(const OpSample& sample);
/// "pow(f64[3], f64[3])", for INFO.
std::string to_string(const OpSample& sample);

using Random = std::mt19937_64;

/// Elements drawn from the domain; bools and keys from all they can be.
ops::RefArray random_array(const Type& type, const Domain& domain, Random& random);
std::vector<ops::RefArray> random_operands(const OpSample& sample, Random& random);

}  // namespace gradus::testing
