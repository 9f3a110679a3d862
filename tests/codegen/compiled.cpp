#include "tests/codegen/compiled.h"

#include <cstring>

#include "compiler/ops/reference_values.h"
#include "runtime/options.h"

namespace gradus::testing {

using ops::RefArray;

namespace {

std::vector<BufferPtr> buffers_of(std::span<const RefArray> arrays) {
  std::vector<BufferPtr> buffers;
  for (const RefArray& a : arrays) {
    buffers.push_back(Buffer::allocate(a.type.bytes()));
    ops::store_reference(a, buffers.back()->data());
  }
  return buffers;
}

}  // namespace

Arrays run(const Executable& executable, std::span<const RefArray> inputs) {
  auto in = buffers_of(inputs);
  std::vector<BufferPtr> out(executable.output_types().size());
  executable.run(in, out);
  Arrays results;
  for (size_t i = 0; i < out.size(); ++i) {
    results.push_back(ops::reference_of(executable.output_types()[i], out[i]->data()));
  }
  return results;
}

Arrays run_with(const ir::Graph& graph, std::span<const RefArray> inputs, int lanes, int threads) {
  Options o = options();
  o.vector_lanes = lanes;
  o.threads = threads;
  ScopedOptions scope(o);
  return run(*compile(graph), inputs);
}

bool same_bits(const Arrays& a, const Arrays& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].integer != b[i].integer) return false;
    const size_t bytes = a[i].real.size() * sizeof(double);
    if (bytes && std::memcmp(a[i].real.data(), b[i].real.data(), bytes) != 0) return false;
  }
  return true;
}

}  // namespace gradus::testing
