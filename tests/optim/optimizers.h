// The optimisers whose trajectories stand in trajectories.inc, with the settings used there.
#pragma once

#include <map>
#include <string>

#include <gradus/optim/optimizer.h>

std::map<std::string, gradus::optim::Optimizer> optimizers_by_name();
