// All optimisers, what wraps them, and schedules.
#pragma once

#include <gradus/optim/adam.h>
#include <gradus/optim/optimizer.h>
#include <gradus/optim/rule.h>
#include <gradus/optim/schedule.h>
#include <gradus/optim/sgd.h>
