// A compiled step: what every back end produces and every caller runs.
#pragma once

#include <span>
#include <vector>

#include "runtime/buffer.h"
#include "runtime/type.h"

namespace gradus {

class Executable {
 public:
  virtual ~Executable() = default;

  const std::vector<Type>& input_types() const { return input_types_; }
  const std::vector<Type>& output_types() const { return output_types_; }

  /// Runs the step. `inputs` hold row-major buffers of input_types(); `outputs` (empty pointers on
  /// entry) receive one distinct buffer each. An input whose only reference is the one in `inputs`
  /// is donated: its memory may come back as an output, and the entry is then left empty; all other
  /// inputs are only read. Several threads may call run() of one executable at the same time.
  virtual void run(std::span<BufferPtr> inputs, std::span<BufferPtr> outputs) const = 0;

 protected:
  Executable(std::vector<Type> inputs, std::vector<Type> outputs)
      : input_types_(std::move(inputs)), output_types_(std::move(outputs)) {}

 private:
  std::vector<Type> input_types_, output_types_;
};

}  // namespace gradus
