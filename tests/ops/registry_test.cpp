// The table of rows: every rule that a row must have is there, and check() says which one is not.
#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "compiler/ops/families.h"

namespace gradus::ops {
namespace {

/// check()'s message after `damage` was done to the row of that name.
std::string complaint(std::string_view name, const std::function<void(OpDef&)>& damage) {
  Registry registry;
  damage(registry.add(op_named(name)));
  try {
    registry.check();
  } catch (const InternalError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("rows are found by name") {
  CHECK(all_ops().size() >= 70);
  for (const OpDef* op : all_ops())
    CHECK(find_op(op->name) == op);
  CHECK(find_op("no such op") == nullptr);
  CHECK_THROWS_AS(op_named("no such op"), InternalError);
  CHECK_THROWS_AS(op_named("add").attribute("axis"), InternalError);
  CHECK(op_named("pad").attribute("high") == 1);
}

TEST_CASE("every row is complete") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK(op->infer);
    CHECK(op->reference);
    CHECK((op->jvp || !op->linear.empty() || !op->no_jvp.empty()));
    CHECK((op->batch || !op->no_batch.empty()));
    CHECK((op->space || !op->no_lowering.empty()));
    CHECK((op->linear.empty() || op->transpose || !op->no_transpose.empty()));
    if (op->family == Family::Elementwise) CHECK(op->scalar);
    // A rule and the reason why there is none exclude each other.
    CHECK(!(op->jvp && !op->no_jvp.empty()));
    CHECK(!(op->batch && !op->no_batch.empty()));
  }
}

TEST_CASE("the registry refuses a row that lacks a rule") {
  CHECK(complaint("exp", [](OpDef&) {}) == "none");
  CHECK(complaint("exp", [](OpDef& op) { op.infer = nullptr; }) == "op exp lacks a type rule");
  CHECK(complaint("exp", [](OpDef& op) { op.reference = nullptr; }) == "op exp lacks a reference");
  CHECK(complaint("exp", [](OpDef& op) { op.jvp = nullptr; }) ==
        "op exp lacks a JVP rule, linearity, or no_jvp that says why");
  CHECK(complaint("exp", [](OpDef& op) { op.batch = nullptr; }) ==
        "op exp lacks a batching rule, or no_batch that says why");
  CHECK(complaint("add", [](OpDef& op) { op.transpose = nullptr; }) ==
        "op add lacks a transpose, or no_transpose that says why");
  CHECK(complaint("exp", [](OpDef& op) { op.space = nullptr; }) ==
        "op exp lacks a space, or no_lowering that says why");
  CHECK(complaint("exp", [](OpDef& op) { op.scalar = nullptr; }) ==
        "op exp lacks a scalar program, or no_lowering that says why");
  CHECK(complaint("add", [](OpDef& op) { op.linear.push_back(2); }) ==
        "op add lacks sense: linear in no such operand");
  Registry twice;
  twice.add(op_named("exp"));
  twice.add(op_named("exp"));
  CHECK_THROWS_AS(twice.check(), InternalError);
}

TEST_CASE("a rule that cannot exist says why") {
  CHECK(complaint("exp", [](OpDef& op) {
          op.jvp = nullptr;
          op.no_jvp = "it is not differentiable";
        }) == "none");
}

}  // namespace gradus::ops
