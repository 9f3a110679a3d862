// Gradus: all that a program needs.
#pragma once

#include <gradus/eval_shape.h>
#include <gradus/ops.h>
#include <gradus/pytree.h>
#include <gradus/random.h>
#include <gradus/tensor.h>
#include <gradus/transform.h>
#include <gradus/window.h>
