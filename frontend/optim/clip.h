// What bounds or mends gradients before an optimiser sees them: the first parts of chains.
#pragma once

#include <gradus/optim/optimizer.h>
#include <gradus/optim/schedule.h>

namespace gradus::optim {

/// Every element between -max_delta and max_delta.
Optimizer clip(Schedule max_delta);
/// All times max_norm / |all| if |all| is larger: the norm is that of all parameters' gradients as
/// one vector (Pascanu et al. 2012, arXiv:1211.5063).
Optimizer clip_by_global_norm(Schedule max_norm);
/// The same for each parameter by itself.
Optimizer clip_by_norm(Schedule max_norm);
/// Each divided by max(1, root mean square / threshold).
Optimizer clip_by_block_rms(Schedule threshold);
/// Each unit of a parameter (the weights into one output: all axes but the last) at most clipping
/// times the unit's own norm, that being eps at least (Brock et al. 2021, arXiv:2102.06171).
/// Parameters of rank 0 and 1 are one unit.
Optimizer adaptive_grad_clip(Schedule clipping, double eps = 1e-3);
/// NaN becomes 0.
Optimizer zero_nans();
/// Without the mean over all axes but the first, for parameters of rank 2 and more (Yong et al.
/// 2020, arXiv:2004.01461; as in Optax).
Optimizer centralize();

}  // namespace gradus::optim
