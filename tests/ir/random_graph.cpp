#include "tests/ir/random_graph.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace gradus::ir {

Type RandomGraph::type() {
  static constexpr DType kDTypes[] = {DType::F32, DType::F32, DType::F32, DType::F64, DType::Bool,
                                      DType::I32, DType::U32, DType::U64, DType::I8,  DType::Key};
  static const Shape kShapes[] = {{}, {}, {3}, {3}, {2, 3}, {2, 1, 3}, {0, 2}};
  return {kDTypes[below(std::size(kDTypes))], kShapes[below(std::size(kShapes))]};
}

Literal RandomGraph::literal(const Type& type) {
  const size_t width = size_of(type.dtype);
  std::vector<unsigned char> bytes(std::max<size_t>(type.bytes(), width));
  for (auto& b : bytes)
    b = static_cast<unsigned char>(chance(0.2) ? 0xff : below(256));
  if (type.dtype == DType::Bool) {
    for (auto& b : bytes)
      b &= 1;
  }
  return chance(0.5) ? Literal::splat(type, bytes.data()) : Literal::dense(type, bytes.data());
}

Ints RandomGraph::ints() {
  Ints values(static_cast<size_t>(chance(0.3) ? 0 : below(4)));
  if (chance(0.5)) {
    std::iota(values.begin(), values.end(), 0);
    if (chance(0.5)) std::shuffle(values.begin(), values.end(), random_);
  } else {
    for (auto& v : values)
      v = chance(0.02) ? INT64_MAX - below(2) : below(5) - (chance(0.1) ? 3 : 0);
  }
  return values;
}

std::string RandomGraph::name() {
  std::string text;
  for (int i = below(6); i > 0; --i)
    text += "ab\"\\[]. \n\x01%"[below(11)];
  return text;
}

Attr RandomGraph::attr(ops::AttrKind kind, int depth) {
  switch (kind) {
    case ops::AttrKind::Int:
      return int64_t{below(4) - (chance(0.1) ? 2 : 0)};
    case ops::AttrKind::Float:
      return std::bit_cast<double>(uint64_t{random_()} << 32 | random_());
    case ops::AttrKind::Ints:
      return ints();
    case ops::AttrKind::Text:
      return name();
    case ops::AttrKind::DType:
      return type().dtype;
    case ops::AttrKind::Literal:
      return literal(type());
    case ops::AttrKind::Graph:
      return std::make_shared<const Graph>(make(6, depth + 1));
  }
  __builtin_unreachable();
}

Graph RandomGraph::make(int nodes, int depth) {
  Builder b(depth ? "inner" : name(),
            chance(0.5) ? Builder::Mode::Verbatim : Builder::Mode::Reduce);
  std::vector<Value> values;
  for (int i = 0; i < nodes; ++i) {
    static const char* kFiles[] = {"a.cpp", "dir/b c.cpp", "C:/x.cpp"};
    if (chance(0.3))
      b.set_source(chance(0.3) ? SourcePos{} : SourcePos{kFiles[below(3)], below(99)});
    if (values.empty() || chance(0.15)) {
      values.push_back(chance(0.5) ? b.parameter(type(), name()) : b.constant(literal(type())));
      continue;
    }
    // Most rows refuse most operands: a few attempts for each node.
    for (int attempt = 0; attempt < 16; ++attempt) {
      const auto rows = ops::all_ops();
      const ops::OpDef& op = *rows[static_cast<size_t>(below(static_cast<int>(rows.size())))];
      if (op.name == "parameter" || (op.family == ops::Family::Control && depth > 1)) continue;
      std::vector<Value> operands(static_cast<size_t>(op.operands < 0 ? below(4) : op.operands));
      for (Value& v : operands)
        v = values[static_cast<size_t>(below(static_cast<int>(values.size())))];
      if (chance(0.5)) {
        for (Value& v : operands)
          v = operands[0];
      }
      Attrs attrs;
      for (const auto& a : op.attributes)
        attrs.push_back(attr(a.kind, depth));
      try {
        const auto results = b.add_node(op, operands, std::move(attrs));
        values.insert(values.end(), results.begin(), results.end());
        break;
      } catch (const Error&) {
      }
    }
  }
  std::vector<Value> outputs;
  std::vector<std::string> names;
  for (int i = below(4); i > 0; --i) {
    outputs.push_back(values[static_cast<size_t>(below(static_cast<int>(values.size())))]);
    names.push_back(name());
  }
  return b.finish(outputs, std::move(names));
}

}  // namespace gradus::ir
