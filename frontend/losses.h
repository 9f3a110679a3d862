// Losses: what training makes small. Each takes predictions, then targets, and returns one value
// per element or per example (the class axis is gone) unless a reduction is asked for:
//
//   mean(losses::softmax_cross_entropy(logits, labels))
//   losses::softmax_cross_entropy(logits, labels, losses::Reduction::Mean)      the same
//
// Integer and bool predictions and targets count as f32. Predictions and targets have one shape, or
// one of them is a scalar: ShapeError otherwise, because [n,1] against [n] would be [n,n] in
// silence. Values and gradients are finite wherever the loss is, and right for large logits and
// probabilities of 0 and 1.
#pragma once

#include <gradus/losses/classification.h>
#include <gradus/losses/divergence.h>
#include <gradus/losses/metric.h>
#include <gradus/losses/regression.h>
#include <gradus/losses/segmentation.h>
#include <gradus/losses/sequence.h>
