// Training steps of the published workloads as graphs, made with the compiler's own transforms from
// a network written for one example.
#pragma once

#include <vector>

#include "compiler/ir/graph.h"

namespace gradus::testing {

struct MlpSizes {
  std::vector<int64_t> layers{784, 512, 512, 10};  // S3
  int64_t batch = 128;
  DType dtype = DType::F32;
};

/// w0[out,in], b0[out], …, image[in] -> log-probabilities[classes]: dense layers with ReLU, then
/// logits - logsumexp(logits). For one image.
ir::Graph mlp_predict(const MlpSizes& sizes);

/// Parameters, images[batch,in], targets[batch,classes] -> -mean(log-probabilities * targets).
ir::Graph mlp_loss(const MlpSizes& sizes);

/// Parameters, two others -> loss becomes the same -> parameters - rate * gradient.
ir::Graph sgd_step(const ir::Graph& loss, double rate);

/// Parameters, images, targets -> parameters - rate * gradient: S3's training step, as traced.
ir::Graph mlp_step(const MlpSizes& sizes, double rate = 0.01);

/// mlp_step with S3's sizes after the passes that run before scheduling.
ir::Graph s3_step(int64_t batch);

}  // namespace gradus::testing
