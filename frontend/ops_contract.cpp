// Products: dot, matmul, outer, tensordot, einsum.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "frontend/ops_impl.h"

namespace gradus::detail {
namespace {

struct Pair {
  Tensor a, b;
};

Pair same_dtype(const Arg& a, const Arg& b) {
  DType dtype = result_dtype({&a, &b});
  if (kind_of(dtype) == DTypeKind::Key) real_dtype(dtype);
  if (dtype == DType::Bool) dtype = DType::I32;
  return {operand(a, dtype, shape_of(a)), operand(b, dtype, shape_of(b))};
}

Tensor contract(const Tensor& a, const Tensor& b, ir::Ints contract_a, ir::Ints contract_b,
                ir::Ints batch_a = {}, ir::Ints batch_b = {}) {
  return emit("dot", {a, b},
              {{"lhs_contract", std::move(contract_a)},
               {"rhs_contract", std::move(contract_b)},
               {"lhs_batch", std::move(batch_a)},
               {"rhs_batch", std::move(batch_b)}});
}

void expect_inner(const Tensor& a, int axis_a, const Tensor& b, int axis_b) {
  if (a.shape()[axis_a] == b.shape()[axis_b]) return;
  fail<ShapeError>(fmt::format("inner extents differ; got {} and {}: axis {} has {}, axis {} has "
                               "{}, expected equal extents",
                               to_string(a.type()), to_string(b.type()), axis_a, a.shape()[axis_a],
                               axis_b, b.shape()[axis_b]),
                   "transpose one operand, or apply vmap to a function of one example");
}

Tensor batch_broadcast(const Tensor& x, const ir::Ints& batch) {
  ir::Ints extents = batch;
  extents.push_back(x.shape()[x.rank() - 2]);
  extents.push_back(x.shape()[x.rank() - 1]);
  return broadcast_in(x, shape_from(extents));
}

Tensor product_of_matrices(const Tensor& a, const Tensor& b) {
  expect_inner(a, a.rank() - 1, b, b.rank() - 2);
  if (a.rank() == 2 && b.rank() == 2) return contract(a, b, {1}, {0});
  // Without leading axes on the right, the left ones are rows like others.
  if (b.rank() == 2) return contract(a, b, {a.rank() - 1}, {0});
  const ir::Ints lead_a(a.shape().begin(), a.shape().end() - 2);
  const ir::Ints lead_b(b.shape().begin(), b.shape().end() - 2);
  const ir::Ints batch = ints_of(broadcast_two(shape_from(lead_a), shape_from(lead_b)));
  const auto rank = static_cast<int64_t>(batch.size());
  ir::Ints axes(batch.size());
  std::iota(axes.begin(), axes.end(), 0);
  return contract(batch_broadcast(a, batch), batch_broadcast(b, batch), {rank + 1}, {rank}, axes,
                  axes);
}

struct Formula {
  std::vector<std::string> inputs;
  std::string output;
};

Formula parse_formula(std::string_view text, size_t operands) {
  const auto reject = [&](const std::string& why) {
    fail<ValueError>(fmt::format("no such formula; got \"{}\": {}", text, why),
                     "write one letter per axis, as in \"ij,jk->ik\"");
  };
  Formula formula;
  std::string compact;
  for (char c : text) {
    if (c != ' ') compact += c;
  }
  const size_t arrow = compact.find("->");
  std::string left = compact.substr(0, arrow);
  formula.inputs.emplace_back();
  for (char c : left) {
    if (c == ',') {
      formula.inputs.emplace_back();
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      if (formula.inputs.back().find(c) != std::string::npos) {
        reject(fmt::format("'{}' stands twice in one operand", c));
      }
      formula.inputs.back() += c;
    } else {
      reject(fmt::format("'{}' is no letter", c));
    }
  }
  if (formula.inputs.size() != operands) {
    reject(fmt::format("it has {} operands, the call {}", formula.inputs.size(), operands));
  }
  if (arrow != std::string::npos) {
    formula.output = compact.substr(arrow + 2);
    for (char c : formula.output) {
      if (left.find(c) == std::string::npos) reject(fmt::format("'{}' is in no operand", c));
      if (std::ranges::count(formula.output, c) > 1) reject(fmt::format("'{}' stands twice", c));
    }
  } else {
    std::ranges::sort(left);
    for (char c : left) {
      if (c != ',' && std::ranges::count(left, c) == 1) formula.output += c;
    }
  }
  return formula;
}

void expect_letters(const std::string& letters, const Tensor& x) {
  if (static_cast<int>(letters.size()) == x.rank()) return;
  fail<ShapeError>(fmt::format("one letter is needed for every axis; got \"{}\" for {}", letters,
                               to_string(x.type())),
                   "write one letter per axis");
}

/// Sums away the letters that do not stand in `kept`, and drops them.
Tensor sum_away(const Tensor& x, std::string& letters, std::string_view kept) {
  ir::Ints axes;
  std::string rest;
  for (size_t d = 0; d < letters.size(); ++d) {
    if (kept.find(letters[d]) == kept.npos) {
      axes.push_back(static_cast<int64_t>(d));
    } else {
      rest += letters[d];
    }
  }
  letters = rest;
  return axes.empty() ? x : emit("reduce_sum", {x}, {{"axes", axes}});
}

Tensor arrange(const Tensor& x, const std::string& letters, const std::string& output) {
  ir::Ints permutation;
  for (char c : output)
    permutation.push_back(static_cast<int64_t>(letters.find(c)));
  return std::ranges::is_sorted(permutation) ? x : emit("transpose", {x}, {{"perm", permutation}});
}

}  // namespace

Tensor dot_operation::operator()(Arg a, Arg b) const {
  return run_op("dot", a.where(), [&] {
    const auto [x, y] = same_dtype(a, b);
    if (x.rank() == 0 || y.rank() == 0) return multiply(x, y);
    const int axis = std::max(y.rank() - 2, 0);
    expect_inner(x, x.rank() - 1, y, axis);
    return contract(x, y, {x.rank() - 1}, {axis});
  });
}

Tensor matmul_operation::operator()(Arg a, Arg b) const {
  return run_op("matmul", a.where(), [&] {
    const auto [x, y] = same_dtype(a, b);
    if (x.rank() == 0 || y.rank() == 0) {
      fail<ShapeError>(fmt::format("a scalar operand; got {} and {}, expected axes",
                                   to_string(x.type()), to_string(y.type())),
                       "multiply by a scalar with *");
    }
    if (x.rank() == 1 || y.rank() == 1) {
      const int axis = std::max(y.rank() - 2, 0);
      expect_inner(x, x.rank() - 1, y, axis);
      return contract(x, y, {x.rank() - 1}, {axis});
    }
    return product_of_matrices(x, y);
  });
}

Tensor outer_operation::operator()(Arg a, Arg b) const {
  return run_op("outer", a.where(), [&] {
    const auto [x, y] = same_dtype(a, b);
    const Shape shape{x.size(), y.size()};
    const Tensor column = emit("reshape", {x}, {{"shape", ir::Ints{x.size(), 1}}});
    const Tensor row = emit("reshape", {y}, {{"shape", ir::Ints{1, y.size()}}});
    return emit("mul", {broadcast_in(column, shape), broadcast_in(row, shape)});
  });
}

Tensor tensordot_operation::operator()(Arg a, Arg b, Axes axes_a, Axes axes_b) const {
  return run_op("tensordot", a.where(), [&] {
    const auto [x, y] = same_dtype(a, b);
    if (axes_a.size() != axes_b.size()) {
      fail<ValueError>(fmt::format("axes do not pair; got {} and {}, expected equal numbers",
                                   axes_a.size(), axes_b.size()),
                       "name one axis of each operand for every pair");
    }
    ir::Ints left, right;
    for (int i = 0; i < axes_a.size(); ++i) {
      left.push_back(normal_axis(axes_a[i], x.rank()));
      right.push_back(normal_axis(axes_b[i], y.rank()));
      expect_inner(x, static_cast<int>(left.back()), y, static_cast<int>(right.back()));
    }
    return contract(x, y, left, right);
  });
}

Tensor einsum_operation::operator()(std::string_view formula, Arg a) const {
  return run_op("einsum", a.where(), [&] {
    const Tensor x = operand(a);
    Formula parsed = parse_formula(formula, 1);
    expect_letters(parsed.inputs[0], x);
    const Tensor summed = sum_away(x, parsed.inputs[0], parsed.output);
    return arrange(summed, parsed.inputs[0], parsed.output);
  });
}

Tensor einsum_operation::operator()(std::string_view formula, Arg a, Arg b) const {
  return run_op("einsum", a.where(), [&] {
    auto [x, y] = same_dtype(a, b);
    Formula parsed = parse_formula(formula, 2);
    std::string& left = parsed.inputs[0];
    std::string& right = parsed.inputs[1];
    expect_letters(left, x);
    expect_letters(right, y);
    x = sum_away(x, left, right + parsed.output);
    y = sum_away(y, right, left + parsed.output);
    ir::Ints contract_x, contract_y, batch_x, batch_y;
    std::string batch, free_x, free_y;
    for (size_t d = 0; d < left.size(); ++d) {
      const char letter = left[d];
      const size_t other = right.find(letter);
      if (other == std::string::npos) {
        free_x += letter;
        continue;
      }
      expect_inner(x, static_cast<int>(d), y, static_cast<int>(other));
      const bool kept = parsed.output.find(letter) != std::string::npos;
      if (kept) batch += letter;
      (kept ? batch_x : contract_x).push_back(static_cast<int64_t>(d));
      (kept ? batch_y : contract_y).push_back(static_cast<int64_t>(other));
    }
    for (char letter : right) {
      if (left.find(letter) == std::string::npos) free_y += letter;
    }
    const Tensor product = contract(x, y, contract_x, contract_y, batch_x, batch_y);
    return arrange(product, batch + free_x + free_y, parsed.output);
  });
}

}  // namespace gradus::detail
