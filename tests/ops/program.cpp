#include "tests/ops/program.h"

#include <limits>

#include "compiler/ops/reference_values.h"

namespace gradus::testing {

using loop::ScalarNode;
using loop::V;

Program::Program(loop::ScalarBuilder builder, std::vector<V> results)
    : builder_(std::move(builder)), results_(std::move(results)) {
  find_live();
}

Program::Program(const ops::OpDef& op, const ir::Attrs& attrs, std::span<const DType> operands,
                 std::span<const Type> results) {
  std::vector<V> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    inputs.push_back(builder_.input(operands[i], static_cast<int>(i)));
  }
  std::vector<DType> dtypes;
  for (const Type& t : results)
    dtypes.push_back(t.dtype);
  results_ = op.scalar({{op, attrs}, builder_, inputs, dtypes});
  find_live();
}

void Program::find_live() {
  const auto& nodes = builder_.nodes();
  std::vector<bool> live(nodes.size());
  for (V v : results_)
    live[static_cast<size_t>(v.id)] = true;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (!live[i]) continue;
    for (int32_t operand : nodes[i].in) {
      if (operand >= 0) live[static_cast<size_t>(operand)] = true;
    }
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (live[i]) live_.push_back(static_cast<int32_t>(i));
  }
  values_.resize(nodes.size());
}

int Program::operations() const {
  int count = 0;
  for (int32_t i : live_) {
    const ScalarNode& n = builder_.nodes()[static_cast<size_t>(i)];
    count += n.kind == ScalarNode::Kind::Op && n.op != loop::ScalarOp::Bitcast;
  }
  return count;
}

void Program::run_all(std::span<const Bits> inputs) {
  const auto& nodes = builder_.nodes();
  for (int32_t id : live_) {
    const auto i = static_cast<size_t>(id);
    const ScalarNode& n = nodes[i];
    switch (n.kind) {
      case ScalarNode::Kind::Input:
        values_[i] = inputs[n.bits];
        break;
      case ScalarNode::Kind::Constant:
        values_[i] = n.bits;
        break;
      case ScalarNode::Kind::Op: {
        std::array<Bits, 3> in{};
        const auto count = static_cast<size_t>(operands_of(n.op));
        for (size_t k = 0; k < count; ++k)
          in[k] = values_[static_cast<size_t>(n.in[k])];
        const DType type = nodes[static_cast<size_t>(n.in[count - 1])].dtype;
        values_[i] = evaluate(n.op, type, n.dtype, std::span(in).first(count));
      }
    }
  }
}

std::vector<Bits> Program::run(std::span<const Bits> inputs) {
  run_all(inputs);
  std::vector<Bits> out;
  for (V v : results_)
    out.push_back(values_[static_cast<size_t>(v.id)]);
  return out;
}

Bits Program::operator()(std::span<const Bits> inputs) {
  run_all(inputs);
  return values_[static_cast<size_t>(results_[0].id)];
}

double ulps(DType dtype, double x, long double expected) {
  const bool f32 = dtype == DType::F32;
  const double rounded = f32 ? static_cast<float>(expected) : static_cast<double>(expected);
  if (std::isnan(expected) || std::isnan(x))
    return std::isnan(expected) && std::isnan(x) ? 0 : HUGE_VAL;
  if (x == rounded) return 0.5;
  const int bits = f32 ? 24 : 53, lowest = f32 ? -149 : -1074;
  if (std::isinf(x) || std::isinf(rounded)) {
    // One of the largest number and infinity, where the true value is about there.
    const double largest =
        f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
    const bool near = std::fabs(expected) > largest * (1 - std::ldexp(1.0L, 2 - bits));
    return near && std::signbit(x) == std::signbit(rounded) && std::fabs(x) >= largest ? 1
                                                                                       : HUGE_VAL;
  }
  int exponent = lowest;
  if (expected != 0) std::frexp(expected, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - bits, lowest));
  return static_cast<double>(std::fabs(x - expected) / unit);
}

double real_of(DType dtype, Bits bits) {
  return dtype == DType::F32 ? loop::from_bits<float>(bits) : loop::from_bits<double>(bits);
}

Bits bits_of_real(DType dtype, double x) {
  return dtype == DType::F32 ? loop::bits_of(static_cast<float>(x)) : loop::bits_of(x);
}

ops::RefArray array_of(DType dtype, std::span<const Bits> bits) {
  const size_t width = size_of(dtype);
  std::vector<std::byte> data(width * bits.size());
  for (size_t i = 0; i < bits.size(); ++i)
    std::memcpy(data.data() + i * width, &bits[i], width);
  return ops::reference_of(Type{dtype, {static_cast<int64_t>(bits.size())}}, data.data());
}

std::vector<Bits> special_bits(DType dtype) {
  const Bits mask = ~Bits{0} >> (64 - 8 * size_of(dtype));
  if (dtype == DType::Bool) return {0, 1};
  if (dtype == DType::Key) return {0, 1, Bits{1} << 32, ~Bits{0}, 0x0123456789abcdef};
  if (!is_float(dtype)) {
    const Bits top = (mask >> 1) + 1;
    std::vector<Bits> bits{0,  1,  2,   3,       7,   8,       15,       31,       32,  33,
                           63, 64, 100, top - 1, top, top + 1, mask - 7, mask - 1, mask};
    for (Bits& b : bits)
      b &= mask;
    return bits;
  }
  std::vector<Bits> bits;
  const double tiny = dtype == DType::F32 ? 0x1p-149 : 0x1p-1074;
  const double normal = dtype == DType::F32 ? 0x1p-126 : 0x1p-1022;
  const double largest = dtype == DType::F32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
  for (double x :
       {0.0,    tiny,   3 * tiny, normal, normal - tiny, 1e-20,   1e-9,    0.1,     0.5,
        0.75,   1.0,    1.5,      2.0,    2.5,           3.0,     3.5,     7.0,     88.5,
        100.0,  127.5,  255.0,    256.0,  710.5,         32768.0, 65536.0, 0x1p31,  0x1.fffffep30,
        0x1p32, 0x1p53, 0x1p63,   0x1p64, 1e20,          1e30,    largest, HUGE_VAL}) {
    bits.push_back(bits_of_real(dtype, x));
    bits.push_back(bits_of_real(dtype, -x));
  }
  bits.push_back(bits_of_real(dtype, std::nan("")));
  return bits;
}

}  // namespace gradus::testing
