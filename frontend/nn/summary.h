// A model as a table: layers as a tree, with the shapes of their outputs and the sizes of their
// parameters. Nothing is computed.
#pragma once

#include <iosfwd>

#include <gradus/nn/module.h>

namespace gradus::nn {

/// What a printed summary counts for each array besides its elements: its descriptor, as Julia's
/// summarysize, which Flux prints, does.
inline constexpr int64_t kArrayDescriptorBytes = 64;

struct LayerSummary {
  std::string path;         // "conv2d_1"; empty for groups
  std::string description;  // "Conv2D(16, 5×5)"
  int depth = 0;            // within groups and blocks
  bool is_group = false;
  std::optional<Type> output;                               // not of a function of several results
  std::vector<std::pair<std::string, Type>> params, state;  // its own, by full name
  int64_t parameters = 0;                                   // elements of its own parameters
};

class Summary {
 public:
  std::vector<LayerSummary> layers;  // in order of execution, groups before their layers

  /// Numbers of elements and of arrays, and bytes of elements.
  int64_t parameters() const;
  int64_t arrays() const;
  int64_t bytes() const;
  /// With the arrays' descriptors.
  int64_t memory() const { return bytes() + arrays() * kArrayDescriptorBytes; }
  int64_t state_elements() const;

  /// The tree, and "47,154 parameters in 10 arrays, 184.820 KiB".
  std::string to_string() const;
  friend std::ostream& operator<<(std::ostream& out, const Summary& summary);
};

/// For inputs like the example, or of a type. Throws ShapeError naming the layer that it does not
/// fit.
Summary summary(const Module& model, const Tensor& example, SourcePos where = SourcePos::here());
Summary summary(const Module& model, const Type& input, SourcePos where = SourcePos::here());

/// The number of elements of all leaves, and of their bytes.
int64_t parameter_count(const Params& params);
int64_t parameter_bytes(const Params& params);
/// "47,154".
std::string with_commas(int64_t n);

}  // namespace gradus::nn
