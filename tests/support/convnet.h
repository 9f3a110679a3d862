// A training step of a small convolutional network as a graph.
#pragma once

#include "compiler/ir/graph.h"

namespace gradus::testing {

/// Two convolutions, each with ReLU; the first pooled by maxima side by side, the second cut where
/// the pool does not reach, pooled too; then a dense layer.
struct ConvnetSizes {
  int64_t batch = 16;
  int64_t image = 10, channels = 1;  // square images
  int64_t taps = 3, padding = 1, stride = 1;
  int64_t features = 6, more_features = 5;
  int64_t classes = 4;
  bool normalized = false;  // each convolution's result, over the batch and positions
  DType dtype = DType::F32;
};

/// Parameters, images, targets -> parameters - rate * gradient of the mean square.
ir::Graph convnet_step(const ConvnetSizes& sizes, double rate = 0.01);

}  // namespace gradus::testing
