// The libraries that most programs use, under short names.
#pragma once

#include <gradus/data/mnist.h>
#include <gradus/data/rows.h>
#include <gradus/gradus.h>
#include <gradus/losses.h>
#include <gradus/nn/nn.h>
#include <gradus/optim/optim.h>
#include <gradus/train/train.h>

namespace nn = gradus::nn;
namespace optim = gradus::optim;
namespace train = gradus::train;
using gradus::Tensor;
using gradus::data::LabelledImages;
