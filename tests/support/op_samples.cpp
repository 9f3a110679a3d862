#include "tests/support/op_samples.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <map>

#include "compiler/ops/build.h"
#include "compiler/ops/families.h"
#include "compiler/ops/reference_values.h"

namespace gradus::testing {

using ir::Attrs;
using ir::Ints;
using ops::Family;
using ops::OpDef;

namespace {

constexpr std::array kOtherDTypes{DType::I32, DType::I8,  DType::I64,  DType::U8,
                                  DType::U32, DType::U64, DType::Bool, DType::Key};

/// Domains of the ops that are not defined, or not smooth, on all of [-2, 2].
const std::map<std::string, std::vector<Domain>>& special_domains() {
  static const std::map<std::string, std::vector<Domain>> domains{
      {"log", {{0.2, 3}}},
      {"log1p", {{-0.8, 3}}},
      {"sqrt", {{0.2, 3}}},
      {"rsqrt", {{0.2, 3}}},
      {"erf_inv", {{-0.9, 0.9}}},
      {"div", {{-2, 2}, {0.5, 3}}},
      {"rem", {{2.2, 2.3}, {0.6, 0.7}}},
      {"pow", {{0.3, 2}, {-2, 2}}},
      {"atan2", {{0.3, 2}, {-2, 2}}},
      {"shl", {{0, 100}, {0, 40}}},
      {"shr", {{0, 100}, {0, 40}}},
      {"shr_arith", {{-100, 100}, {0, 40}}}};
  return domains;
}

bool fits(const OpDef& op, const Attrs& attributes, std::span<const Type> operands) {
  try {
    op.infer({{op, attributes}, operands, {}});
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Samples {
 public:
  Samples(const OpDef& op, DType floats) : op_(op), floats_(floats) {}

  std::vector<OpSample> run() {
    switch (op_.family) {
      case Family::Elementwise:
        elementwise();
        break;
      case Family::Reduce:
        reduce();
        break;
      default:
        by_name();
    }
    return samples_;
  }

 private:
  Type f(const Shape& shape) const { return {floats_, shape}; }

  void add(std::vector<Type> operands, Attrs attributes = {}, std::vector<Domain> domains = {}) {
    const auto special = special_domains().find(op_.name);
    if (domains.empty() && special != special_domains().end()) domains = special->second;
    domains.resize(operands.size());
    samples_.push_back({&op_, std::move(operands), std::move(attributes), std::move(domains)});
  }

  std::vector<DType> dtypes() const {
    std::vector<DType> all{floats_};
    all.insert(all.end(), kOtherDTypes.begin(), kOtherDTypes.end());
    all.push_back(floats_ == DType::F64 ? DType::F32 : DType::F64);
    return all;
  }

  /// Whatever the type rule takes: all operands of one dtype, or a predicate and two of one dtype.
  void elementwise() {
    std::vector<Attrs> attributes{{}};
    if (!op_.attributes.empty()) {
      attributes.clear();
      for (DType to : dtypes())
        attributes.push_back({to});
    }
    for (const Attrs& attrs : attributes) {
      for (DType dtype : dtypes()) {
        for (const Shape& shape : {Shape{3}, Shape{2, 3}, Shape{}, Shape{2, 0}}) {
          const bool common = dtype == floats_;
          if (!common && shape.rank() != 1) continue;
          std::vector<Type> operands(static_cast<size_t>(op_.operands), Type{dtype, shape});
          if (fits(op_, attrs, operands)) {
            add(operands, attrs);
          } else if (operands.size() > 1) {
            operands[0].dtype = DType::Bool;
            if (fits(op_, attrs, operands)) add(operands, attrs);
          }
        }
      }
    }
  }

  void reduce() {
    const bool one_axis = op_.attributes[0].kind == ops::AttrKind::Int;
    const std::vector<std::pair<Shape, Ints>> cases{
        {{4}, {0}},       {{3, 4}, {0}},       {{3, 4}, {1}},       {{3, 4}, {0, 1}},
        {{2, 3, 4}, {1}}, {{2, 3, 4}, {0, 2}}, {{2, 3, 4}, {1, 2}}, {{3, 1}, {1}},
        {{0, 3}, {1}},    {{3, 0}, {1}},       {{2, 3}, {}},        {{5, 3}, {0}}};
    for (DType dtype : dtypes()) {
      for (const auto& [shape, axes] : cases) {
        if (dtype != floats_ && shape != Shape{3, 4}) continue;
        if (one_axis && axes.size() != 1) continue;
        const Attrs attrs{one_axis ? ir::Attr(axes[0]) : ir::Attr(axes)};
        const Type type{dtype, shape};
        if (fits(op_, attrs, {&type, 1})) add({type}, attrs);
      }
    }
  }

  void by_name() {
    const std::map<std::string, std::function<void()>> makers{
        {"parameter", [] {}},
        {"constant",
         [&] {
           add({}, {ir::Literal::splat_of(f({2, 3}), 1.5)});
         }},
        {"iota", [&] { iota(); }},
        {"barrier",
         [&] {
           add({f({2, 3}), f({}), {DType::I32, {2}}});
         }},
        {"reshape", [&] { reshape(); }},
        {"transpose", [&] { transpose(); }},
        {"broadcast", [&] { broadcast(); }},
        {"reverse", [&] { reverse(); }},
        {"slice", [&] { slice(); }},
        {"pad", [&] { pad(); }},
        {"concatenate", [&] { concatenate(); }},
        {"windows", [&] { windows(); }},
        {"dot", [&] { dot(); }},
        {"conv", [&] { conv(); }},
        {"gather", [&] { gather(); }},
        {"scatter_add", [&] { scatter_add(); }},
        {"call", [&] { call(); }},
    };
    const auto it = makers.find(op_.name);
    GRADUS_CHECK(it != makers.end(), "op without samples in tests/support: " + op_.name);
    it->second();
  }

  void conv() {
    const Ints one{1}, none{0};
    add({f({2, 5, 3}), f({3, 3, 4})}, {int64_t{0}, one, none, none, one});
    add({f({1, 5, 1}), f({2, 1, 2})}, {int64_t{0}, Ints{2}, one, none, one});
    add({f({2, 6, 2}), f({2, 2, 3})}, {int64_t{0}, Ints{2}, one, Ints{2}, Ints{3}});
    add({f({2, 4, 2}), f({3, 2, 1})}, {int64_t{0}, one, Ints{-1}, Ints{2}, one});
    add({f({2, 4, 3, 2}), f({3, 2, 2, 3})},
        {int64_t{0}, Ints{1, 1}, Ints{1, 0}, Ints{1, 1}, Ints{1, 1}});
    add({f({2, 1, 4, 2}), f({2, 2, 2, 3})}, {int64_t{1}, one, none, none, one});
    const Type image{DType::I32, {1, 3, 2}}, kernel{DType::I32, {2, 2, 1}};
    add({image, kernel}, {int64_t{0}, one, none, none, one});
  }

  void iota() {
    for (DType dtype : dtypes()) {
      const Attrs attrs{Ints{2, 3}, dtype, int64_t{1}};
      if (fits(op_, attrs, {})) add({}, attrs);
    }
  }

  void reshape() {
    const std::vector<std::pair<Shape, Ints>> cases{
        {{6}, {2, 3}}, {{2, 3}, {3, 2}},         {{2, 3, 4}, {6, 4}}, {{4, 6}, {4, 2, 3}},
        {{1}, {}},     {{3}, {1, 3, 1}},         {{4, 6}, {2, 12}},   {{2, 0}, {0, 5}},
        {{}, {1, 1}},  {{2, 3, 4}, {2, 3, 2, 2}}};
    for (const auto& [from, to] : cases)
      add({f(from)}, {to});
    add({{DType::I32, {6}}}, {Ints{2, 3}});
  }

  void transpose() {
    const std::vector<std::pair<Shape, Ints>> cases{
        {{2, 3}, {1, 0}}, {{2, 3, 4}, {2, 0, 1}}, {{2, 3, 4}, {0, 2, 1}},
        {{1, 3}, {1, 0}}, {{2, 0}, {1, 0}},       {{2, 1, 3, 2}, {3, 1, 0, 2}}};
    for (const auto& [shape, perm] : cases)
      add({f(shape)}, {perm});
    add({{DType::Bool, {2, 3}}}, {Ints{1, 0}});
  }

  void broadcast() {
    add({f({})}, {Ints{2, 3}, Ints{}});
    add({f({3})}, {Ints{2, 3}, Ints{1}});
    add({f({2})}, {Ints{2, 3}, Ints{0}});
    add({f({2, 3})}, {Ints{2, 4, 3}, Ints{0, 2}});
    add({f({2, 3})}, {Ints{4, 2, 3, 5}, Ints{1, 2}});
    add({f({3})}, {Ints{0, 3}, Ints{1}});
    add({{DType::I32, {3}}}, {Ints{2, 3}, Ints{1}});
  }

  void reverse() {
    add({f({4})}, {Ints{0}});
    add({f({2, 3, 4})}, {Ints{0, 2}});
    add({f({2, 3})}, {Ints{1}});
  }

  void slice() {
    add({f({6})}, {Ints{1}, Ints{5}, Ints{1}});
    add({f({7})}, {Ints{1}, Ints{6}, Ints{2}});
    add({f({4, 6})}, {Ints{1, 0}, Ints{3, 6}, Ints{1, 3}});
    add({f({4, 6})}, {Ints{2, 2}, Ints{2, 4}, Ints{1, 1}});
    add({{DType::I32, {4, 6}}}, {Ints{0, 2}, Ints{3, 4}, Ints{1, 1}});
  }

  void pad() {
    add({f({3}), f({})}, {Ints{2}, Ints{1}, Ints{0}});
    add({f({2, 3}), f({})}, {Ints{0, 1}, Ints{1, 0}, Ints{0, 2}});
    add({f({4, 3}), f({})}, {Ints{-1, 2}, Ints{0, -1}, Ints{1, 0}});
    add({f({5}), f({})}, {Ints{-1}, Ints{-2}, Ints{0}});
    add({f({0}), f({})}, {Ints{1}, Ints{2}, Ints{0}});
    add({{DType::I32, {3}}, {DType::I32, {}}}, {Ints{1}, Ints{1}, Ints{1}});
  }

  void concatenate() {
    add({f({2}), f({3})}, {int64_t{0}});
    add({f({2, 3}), f({2, 1}), f({2, 2})}, {int64_t{1}});
    add({f({1, 3}), f({0, 3}), f({2, 3})}, {int64_t{0}});
    add({{DType::I32, {2}}, {DType::I32, {3}}}, {int64_t{0}});
  }

  void windows() {
    const auto at = [&](Shape x, int64_t axis, int64_t taps, int64_t stride, int64_t dilation,
                        DType dtype) {
      add({{dtype, x}}, {axis, taps, stride, dilation});
    };
    at({6}, 0, 3, 1, 1, floats_);
    at({7, 2}, 0, 3, 2, 1, floats_);
    at({2, 7}, 1, 2, 2, 3, floats_);
    at({2, 7, 3}, 1, 2, 2, 1, floats_);  // side by side, one element left over
    at({2, 8, 2}, 1, 2, 3, 1, floats_);  // with gaps
    at({5, 2}, 0, 1, 2, 1, floats_);
    at({2, 5}, 1, 3, 4, 2, floats_);  // one place
    at({0, 5}, 1, 3, 1, 1, floats_);
    at({2, 6}, 1, 3, 1, 2, DType::I32);
  }

  void dot() {
    add({f({3}), f({3})}, {Ints{0}, Ints{0}, Ints{}, Ints{}});
    add({f({2, 3}), f({3})}, {Ints{1}, Ints{0}, Ints{}, Ints{}});
    add({f({3}), f({2, 3})}, {Ints{0}, Ints{1}, Ints{}, Ints{}});
    add({f({2, 3}), f({3, 4})}, {Ints{1}, Ints{0}, Ints{}, Ints{}});
    add({f({3, 2}), f({4, 3})}, {Ints{0}, Ints{1}, Ints{}, Ints{}});
    add({f({2, 3, 4}), f({4, 2, 3})}, {Ints{0, 2}, Ints{1, 0}, Ints{}, Ints{}});
    add({f({2, 3, 4}), f({2, 4, 2})}, {Ints{2}, Ints{1}, Ints{0}, Ints{0}});
    add({f({3, 2, 4}), f({4, 3, 2})}, {Ints{2}, Ints{0}, Ints{1, 0}, Ints{2, 1}});
    add({f({2, 3, 4}), f({3, 5, 4, 2})}, {Ints{2}, Ints{2}, Ints{1}, Ints{0}});
    add({f({2}), f({3})}, {Ints{}, Ints{}, Ints{}, Ints{}});
    add({f({2, 0}), f({0, 3})}, {Ints{1}, Ints{0}, Ints{}, Ints{}});
    for (DType dtype : {DType::I32, DType::U8}) {
      add({{dtype, {2, 3}}, {dtype, {3, 4}}}, {Ints{1}, Ints{0}, Ints{}, Ints{}});
    }
  }

  void gather() {
    const Domain index{-2, 6};  // beyond both ends, too
    const auto at = [&](Shape x, Shape i, int64_t axis, int64_t batch, DType dtype = DType::I32) {
      const Domain from = dtype == DType::U32 ? Domain{0, 6} : index;
      add({f(x), {dtype, i}}, {axis, batch}, {{}, from});
    };
    at({5}, {3}, 0, 0);
    at({5, 2}, {3}, 0, 0);
    at({2, 5}, {2, 2}, 1, 0);
    at({5, 2}, {}, 0, 0);
    at({2, 5, 3}, {2, 4}, 1, 1);
    at({2, 3, 5}, {2, 4}, 2, 1);
    at({5}, {3}, 0, 0, DType::I64);
    at({5}, {3}, 0, 0, DType::U32);
  }

  void scatter_add() {
    const Domain index{-2, 6};
    const auto at = [&](Shape x, Shape i, Shape u, int64_t axis, int64_t batch) {
      add({f(x), {DType::I32, i}, f(u)}, {axis, batch}, {{}, index, {}});
    };
    at({5}, {3}, {3}, 0, 0);
    at({5, 2}, {3}, {3, 2}, 0, 0);
    at({2, 5}, {2, 2}, {2, 2, 2}, 1, 0);
    at({2, 5, 3}, {2, 4}, {2, 4, 3}, 1, 1);
  }

  void call() {
    ir::Builder b("body");
    const ir::Value x = b.parameter(f({3}), "x"), y = b.parameter(f({3}), "y");
    const std::vector results{ops::mul(b, x, ops::sin(b, y)), ops::add(b, x, y)};
    add({f({3}), f({3})}, {std::make_shared<const ir::Graph>(b.finish(results))});
  }

  const OpDef& op_;
  DType floats_;
  std::vector<OpSample> samples_;
};

}  // namespace

std::vector<OpSample> samples_of(const OpDef& op, DType floats) {
  return Samples(op, floats).run();
}

ir::Graph graph_of(const OpSample& sample) {
  ir::Builder b(sample.op->name);
  std::vector<ir::Value> operands;
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    operands.push_back(b.parameter(sample.operands[i], fmt::format("x{}", i)));
  }
  return b.finish(b.add_node(*sample.op, operands, sample.attributes));
}

std::string to_string(const OpSample& sample) {
  std::string text = sample.op->name + "(";
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    text += (i ? ", " : "") + to_string(sample.operands[i]);
  }
  text += ")";
  for (size_t i = 0; i < sample.attributes.size(); ++i) {
    text += " " + sample.op->attributes[i].name;
    if (const auto* ints = std::get_if<Ints>(&sample.attributes[i])) {
      for (int64_t x : *ints)
        text += fmt::format(" {}", x);
    } else if (const auto* x = std::get_if<int64_t>(&sample.attributes[i])) {
      text += fmt::format(" {}", *x);
    } else if (const auto* dtype = std::get_if<DType>(&sample.attributes[i])) {
      text += fmt::format(" {}", name_of(*dtype));
    }
  }
  return text;
}

ops::RefArray random_array(const Type& type, const Domain& domain, Random& random) {
  ops::RefArray array = ops::make_reference(type);
  std::uniform_real_distribution<double> real(domain.low, domain.high);
  std::uniform_int_distribution<int64_t> integer(static_cast<int64_t>(domain.low),
                                                 static_cast<int64_t>(domain.high));
  for (double& x : array.real) {
    x = type.dtype == DType::F32 ? static_cast<double>(static_cast<float>(real(random)))
                                 : real(random);
  }
  for (int64_t& x : array.integer) {
    if (type.dtype == DType::Bool) {
      x = static_cast<int64_t>(random() & 1);
    } else if (type.dtype == DType::Key) {
      x = static_cast<int64_t>(random());
    } else {
      x = ops::wrap_integer(type.dtype, integer(random));
    }
  }
  return array;
}

std::vector<ops::RefArray> random_operands(const OpSample& sample, Random& random) {
  std::vector<ops::RefArray> operands;
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    operands.push_back(random_array(sample.operands[i], sample.domains[i], random));
  }
  return operands;
}

}  // namespace gradus::testing
