// Every scalar operation of every dtype, alone in a kernel: scalar, in vectors of 4, 8 and 16
// lanes, and of constants, against `evaluate`.
#include <fmt/format.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "runtime/error.h"
#include "tests/codegen/harness.h"
#include "tests/loop/sample_kernels.h"

using namespace gradus;
using namespace gradus::loop;
using namespace gradus::loop::samples;
using namespace gradus::codegen;
using namespace gradus::codegen::testing;

namespace {

constexpr std::array kTypes{DType::Bool, DType::I8,  DType::I16, DType::I32, DType::I64, DType::U8,
                            DType::U16,  DType::U32, DType::U64, DType::F32, DType::F64};

/// An operation with its operands' dtypes.
struct Case {
  ScalarOp op;
  std::vector<DType> in;
  DType result;

  DType type() const { return in.back(); }
  std::string text() const {
    return fmt::format("{}({}) -> {}", loop::name_of(op), gradus::name_of(type()),
                       gradus::name_of(result));
  }
};

/// Buffers out, in…; args n and its whole vectors. No lanes: a scalar loop.
Kernel kernel_of(const Case& c, int64_t lanes) {
  Kernel k{.name = "op"};
  const int out = k.add_buffer({c.result, true, 0});
  const int n = k.add_arg("n");
  Index at;
  const int i = k.add_variable("i", LoopKind::Serial);
  const int v = lanes ? k.add_variable("v", LoopKind::Vector, lanes) : -1;
  at.terms.push_back(var(i, lanes ? lanes : 1));
  if (lanes) at.terms.push_back(var(v));
  Expr e{.kind = Expr::Kind::Op, .op = c.op, .dtype = c.result};
  for (size_t o = 0; o < c.in.size(); ++o) {
    e.in[o] = k.load(k.add_buffer({c.in[o], false, static_cast<int>(o) + 1}), at);
  }
  Stmt store = make_store(out, at, k.add_expr(e));
  if (lanes) {
    const int blocks = k.add_arg("blocks");
    store = make_for_where(v, count(lanes), at, count_arg(n), {store});
    k.body = {make_for(i, count_arg(blocks), {store})};
  } else {
    k.body = {make_for(i, count_arg(n), {store})};
  }
  return k;
}

bool is_valid(const Case& c) {
  try {
    verify(kernel_of(c, 0));
    return true;
  } catch (const InternalError&) {
    return false;
  }
}

/// Every case that the loop IR allows.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (int o = 0; o <= static_cast<int>(ScalarOp::Bitcast); ++o) {
    const auto op = static_cast<ScalarOp>(o);
    for (DType type : kTypes) {
      for (DType result : kTypes) {
        std::vector<DType> in(static_cast<size_t>(operands_of(op)), type);
        if (op == ScalarOp::Select) in[0] = DType::Bool;
        Case c{op, in, result};
        if (is_valid(c)) cases.push_back(c);
      }
    }
  }
  return cases;
}

/// All combinations of special values; of three operands, those of a third of the values.
std::vector<std::vector<Bits>> operands(const Case& c) {
  std::vector<std::vector<Bits>> columns(c.in.size());
  std::vector<std::vector<Bits>> values;
  for (DType d : c.in) {
    std::vector<Bits> of_type = special_values(d);
    if (c.in.size() == 3 && of_type.size() > 10) {
      std::vector<Bits> third;
      for (size_t i = 0; i < of_type.size(); i += 3)
        third.push_back(of_type[i]);
      of_type = third;
    }
    values.push_back(of_type);
  }
  std::vector<size_t> at(c.in.size(), 0);
  for (;;) {
    for (size_t o = 0; o < at.size(); ++o)
      columns[o].push_back(values[o][at[o]]);
    size_t o = 0;
    while (o < at.size() && ++at[o] == values[o].size())
      at[o++] = 0;
    if (o == at.size()) return columns;
  }
}

std::vector<std::byte> packed(DType dtype, const std::vector<Bits>& values) {
  const size_t size = size_of(dtype);
  std::vector<std::byte> bytes(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(&bytes[i * size], &values[i], size);
  return bytes;
}

void check_case(const Case& c, LeafFunction function, int64_t lanes) {
  const auto columns = operands(c);
  const size_t n = columns[0].size();
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  memory.push_back(std::make_unique<GuardedMemory>(std::vector<std::byte>(n * size_of(c.result))));
  for (size_t o = 0; o < c.in.size(); ++o) {
    memory.push_back(std::make_unique<GuardedMemory>(packed(c.in[o], columns[o])));
  }
  std::vector<void*> buffers;
  for (const auto& m : memory)
    buffers.push_back(m->data());
  const auto count = static_cast<int64_t>(n);
  const std::array<int64_t, 2> args{count, lanes ? (count + lanes - 1) / lanes : 0};
  function(buffers.data(), args.data());

  const size_t size = size_of(c.result);
  int reported = 0;
  for (size_t i = 0; i < n && reported < 5; ++i) {
    std::vector<Bits> in;
    for (const auto& column : columns)
      in.push_back(column[i]);
    const Bits expected = evaluate(c.op, c.type(), c.result, in);
    Bits got = 0;
    std::memcpy(&got, static_cast<std::byte*>(buffers[0]) + i * size, size);
    if (equal_elements(c.result, expected, got)) continue;
    ++reported;
    std::string text;
    for (Bits b : in)
      text += fmt::format(" {:#x}", b);
    UNSCOPED_INFO(c.text() << ", lanes " << lanes << ":" << text);
    FAIL_CHECK(fmt::format("expected {:#x}, got {:#x}", expected, got));
  }
  CHECK(n > 0);
}

void check_all(const CpuTarget& target, int64_t lanes) {
  const std::vector<Case> cases = all_cases();
  std::vector<Kernel> kernels;
  for (const Case& c : cases)
    kernels.push_back(kernel_of(c, lanes));
  const Compiled compiled(std::move(kernels), target);
  INFO("cpu " << target.cpu);
  for (size_t i = 0; i < cases.size(); ++i)
    check_case(cases[i], compiled.function(i), lanes);
}

}  // namespace

TEST_CASE("every scalar operation of every dtype does in scalar code what evaluate does") {
  check_all(host_target(), 0);
}

TEST_CASE("every scalar operation of every dtype does in vectors what evaluate does") {
  for (int64_t lanes : {4, 8, 16})
    check_all(host_target(), lanes);
}

TEST_CASE("older CPUs give the same bits", "[slow]") {
  for (const CpuTarget& target : targets()) {
    for (int64_t lanes : {0, 4, 8, 16})
      check_all(target, lanes);
  }
}

TEST_CASE("operations on constants give the bits that evaluate gives") {
  const std::vector<Case> cases = all_cases();
  std::vector<Kernel> kernels;
  std::vector<std::vector<Bits>> expected(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    Kernel k;
    k.add_buffer({c.result, true, 0});
    const auto columns = operands(c);
    const size_t step = columns[0].size() / 97 + 1;
    for (size_t row = i % step; row < columns[0].size(); row += step) {
      Expr e{.kind = Expr::Kind::Op, .op = c.op, .dtype = c.result};
      std::vector<Bits> in;
      for (size_t o = 0; o < c.in.size(); ++o) {
        in.push_back(columns[o][row]);
        e.in[o] = k.constant(c.in[o], in.back());
      }
      const auto at = static_cast<int64_t>(expected[i].size());
      k.body.push_back(make_store(0, {{{-1, {at, -1}}}}, k.add_expr(e)));
      expected[i].push_back(evaluate(c.op, c.type(), c.result, in));
    }
    kernels.push_back(std::move(k));
  }
  const Compiled compiled(std::move(kernels));
  for (size_t i = 0; i < cases.size(); ++i) {
    const size_t size = size_of(cases[i].result);
    std::vector<std::byte> out(expected[i].size() * size);
    void* buffer = out.data();
    compiled.function(i)(&buffer, nullptr);
    for (size_t j = 0; j < expected[i].size(); ++j) {
      Bits got = 0;
      std::memcpy(&got, &out[j * size], size);
      INFO(cases[i].text() << ", number " << j);
      if (!equal_elements(cases[i].result, expected[i][j], got)) CHECK(got == expected[i][j]);
    }
  }
  CHECK(cases.size() > 250);
}
