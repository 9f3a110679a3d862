// All optimisers, what wraps them, and schedules.
#pragma once

#include <gradus/optim/adam.h>
#include <gradus/optim/adaptive.h>
#include <gradus/optim/clip.h>
#include <gradus/optim/layerwise.h>
#include <gradus/optim/optimizer.h>
#include <gradus/optim/plateau.h>
#include <gradus/optim/rule.h>
#include <gradus/optim/schedule.h>
#include <gradus/optim/sgd.h>
#include <gradus/optim/wrap.h>
