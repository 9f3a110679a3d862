#include <fmt/format.h>

#include <unordered_map>

#include "compiler/ops/families.h"

namespace gradus::ops {
namespace {

struct Table {
  Registry registry;
  std::vector<const OpDef*> rows;
  std::unordered_map<std::string_view, const OpDef*> by_name;
};

Table make_table() {
  Table table;
  register_structure(table.registry);
  register_elementwise(table.registry);
  register_reduce(table.registry);
  register_contract(table.registry);
  register_window(table.registry);
  register_layout(table.registry);
  register_index(table.registry);
  register_control(table.registry);
  table.registry.check();
  for (const auto& row : table.registry.rows) {
    table.rows.push_back(row.get());
    table.by_name.emplace(row->name, row.get());
  }
  return table;
}

const Table& table() {
  static const Table& table = *new Table(make_table());
  return table;
}

/// What the row lacks, or nothing.
std::string lack(const OpDef& op) {
  if (op.name.empty()) return "a name";
  if (!op.infer) return "a type rule";
  if (!op.reference) return "a reference";
  if (!op.jvp && op.linear.empty() && op.no_jvp.empty()) {
    return "a JVP rule, linearity, or no_jvp that says why";
  }
  if (!op.batch && op.no_batch.empty()) return "a batching rule, or no_batch that says why";
  if (!op.linear.empty() && !op.transpose && op.no_transpose.empty()) {
    return "a transpose, or no_transpose that says why";
  }
  if (!op.space && op.no_lowering.empty()) return "a space, or no_lowering that says why";
  if (op.family == Family::Elementwise && !op.scalar && op.no_lowering.empty()) {
    return "a scalar program, or no_lowering that says why";
  }
  for (int i : op.linear) {
    if (i < -1 || (op.operands >= 0 && i >= op.operands)) return "sense: linear in no such operand";
  }
  return {};
}

}  // namespace

size_t OpDef::attribute(std::string_view attribute) const {
  for (size_t i = 0; i < attributes.size(); ++i) {
    if (attributes[i].name == attribute) return i;
  }
  internal_error(__FILE__, __LINE__, "attribute exists", fmt::format("{} of {}", attribute, name));
}

bool OpDef::is_linear_in(int operand) const {
  const auto names = [operand](int i) { return i == operand || i == -1; };
  return std::ranges::any_of(linear, names);
}

OpDef& Registry::add(OpDef row) {
  rows.push_back(std::make_unique<OpDef>(std::move(row)));
  return *rows.back();
}

void Registry::check() const {
  std::unordered_map<std::string_view, int> seen;
  for (const auto& row : rows) {
    if (const std::string what = lack(*row); !what.empty()) {
      throw InternalError(fmt::format("op {} lacks {}", row->name, what));
    }
    if (seen[row->name]++) throw InternalError(fmt::format("op {} has two rows", row->name));
  }
}

const OpDef* find_op(std::string_view name) {
  const auto it = table().by_name.find(name);
  return it == table().by_name.end() ? nullptr : it->second;
}

const OpDef& op_named(std::string_view name) {
  const OpDef* op = find_op(name);
  GRADUS_CHECK(op, std::string(name));
  return *op;
}

std::span<const OpDef* const> all_ops() {
  return table().rows;
}

}  // namespace gradus::ops
