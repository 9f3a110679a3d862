// Gradus's neural networks: all of them.
#pragma once

#include <gradus/nn/activations.h>
#include <gradus/nn/initializers.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/module.h>
#include <gradus/nn/norms.h>
#include <gradus/nn/summary.h>
#include <gradus/nn/transform.h>
