// The canonical tree over 16 lanes, of one element or of many at once: then two vectors become one at
// every step, so that a step costs as little as it does without lanes.
#include "compiler/codegen/llvm/kernel_emitter.h"
#include "runtime/error.h"

namespace gradus::codegen {

using loop::LoopKind;
using loop::Stmt;

/// Every combination of the target's unrolled dims whose loops are not open, the last one fastest.
template <class F>
void KernelEmitter::each_element(const std::vector<int>& dims, size_t next, F f) {
  for (; next < dims.size(); ++next) {
    const auto d = static_cast<size_t>(dims[next]);
    if (k_.variables[d].kind != LoopKind::Unroll || at_[d] >= 0) continue;
    for (at_[d] = 0; at_[d] < k_.variables[d].count; ++at_[d])
      each_element(dims, next + 1, f);
    at_[d] = -1;
    return;
  }
  f();
}

/// Of each element, the vectors that hold its lanes.
std::vector<llvm::Value*> KernelEmitter::lanes_of(int local) {
  const auto& dims = k_.locals[local].dims;
  const auto u = static_cast<size_t>(dims[dims.size() - 2]);
  std::vector<Value*> vectors;
  for (at_[u] = 0; at_[u] < k_.variables[u].count; ++at_[u]) {
    vectors.push_back(registers_.at(register_of(local)));
  }
  at_[u] = -1;
  return vectors;
}

void KernelEmitter::emit_lane_reduce(const Stmt& s) {
  // values[i]: of every element in order, the vectors of the i-th value.
  std::vector<std::vector<std::vector<Value*>>> values(s.sources.size());
  const auto& over = k_.locals[s.targets[0]].dims;
  each_element(over, 0, [&] {
    for (size_t i = 0; i < values.size(); ++i)
      values[i].push_back(lanes_of(s.sources[i]));
  });
  loop::ScalarBuilder program;
  std::vector<loop::V> a, x;
  for (int source : s.sources) {
    a.push_back(program.input(k_.locals[source].dtype, static_cast<int>(a.size())));
  }
  for (int source : s.sources) {
    x.push_back(program.input(k_.locals[source].dtype, static_cast<int>(a.size() + x.size())));
  }
  const auto results = loop::combine(program, s.reduce, a, x);
  const auto combine = [&](const std::vector<Value*>& inputs) {
    return eval_program(program, results, inputs);
  };

  const size_t elements = values[0].size();
  for (size_t e = 0; e < elements; ++e) {
    for (size_t left = values[0][e].size() / 2; left >= 1; left /= 2) {
      for (size_t j = 0; j < left; ++j) {
        std::vector<Value*> inputs;
        for (auto& v : values)
          inputs.push_back(v[e][j]);
        for (auto& v : values)
          inputs.push_back(v[e][j + left]);
        const auto out = combine(inputs);
        for (size_t i = 0; i < values.size(); ++i)
          values[i][e][j] = out[i];
      }
    }
  }
  // Two elements a step share a vector: at the end the elements are its lanes, in order.
  std::vector<std::vector<Value*>> vectors(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    for (auto& v : values[i])
      vectors[i].push_back(v[0]);
  }
  const auto* type = llvm::cast<llvm::FixedVectorType>(vectors[0][0]->getType());
  const int width = static_cast<int>(type->getNumElements());
  for (int half = width / 2; half >= 1; half /= 2) {
    std::vector<int> low, high;
    for (int from : {0, width}) {
      for (int group = 0; group < width; group += 2 * half) {
        for (int j = 0; j < half; ++j) {
          low.push_back(from + group + j);
          high.push_back(from + group + half + j);
        }
      }
    }
    std::vector<std::vector<Value*>> merged(values.size());
    for (size_t k = 0; k < vectors[0].size(); k += 2) {
      std::vector<Value*> inputs;
      for (const auto& order : {low, high}) {
        for (auto& v : vectors) {
          Value* other = k + 1 < v.size() ? v[k + 1] : llvm::PoisonValue::get(v[k]->getType());
          inputs.push_back(b_.CreateShuffleVector(v[k], other, order));
        }
      }
      const auto out = combine(inputs);
      for (size_t i = 0; i < out.size(); ++i)
        merged[i].push_back(out[i]);
    }
    vectors = std::move(merged);
  }
  Depends changed;
  size_t e = 0;
  each_element(over, 0, [&] {
    for (size_t i = 0; i < values.size(); ++i) {
      auto* v = vectors[i][e / static_cast<size_t>(width)];
      registers_[register_of(s.targets[i])] =
          b_.CreateExtractElement(v, static_cast<uint64_t>(e) % static_cast<uint64_t>(width));
    }
    ++e;
  });
  for (int t : s.targets)
    changed.locals.set(t);
  forget(changed);
}

/// A scalar program on values that are already there, lane by lane where they are vectors.
std::vector<llvm::Value*> KernelEmitter::eval_program(const loop::ScalarBuilder& program,
                                                      std::span<const loop::V> results,
                                                      std::span<Value* const> inputs) {
  std::vector<Value*> done(program.nodes().size());
  for (size_t i = 0; i < done.size(); ++i) {
    const loop::ScalarNode& n = program.nodes()[i];
    if (n.kind == loop::ScalarNode::Kind::Input) done[i] = inputs[n.bits];
    if (n.kind == loop::ScalarNode::Kind::Constant) {
      Value* c = scalars_.constant(n.dtype, n.bits);
      auto* t = llvm::dyn_cast<llvm::FixedVectorType>(inputs[0]->getType());
      done[i] = t ? b_.CreateVectorSplat(t->getNumElements(), c) : c;
    }
    if (n.kind != loop::ScalarNode::Kind::Op) continue;
    std::vector<Value*> in;
    const int count = loop::operands_of(n.op);
    for (int k = 0; k < count; ++k)
      in.push_back(done[n.in[k]]);
    done[i] = scalars_.op(n.op, program.nodes()[n.in[count - 1]].dtype, n.dtype, in);
  }
  std::vector<Value*> out;
  for (loop::V v : results)
    out.push_back(done[v.id]);
  return out;
}

}  // namespace gradus::codegen
