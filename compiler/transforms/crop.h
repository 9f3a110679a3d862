#pragma once

#include "compiler/ir/graph.h"

namespace gradus::transforms {

/// What nobody reads of a convolution is not computed, and zeros around its operands are its own:
///
///   slice(f(conv(x, w)))  ->  f(conv'(x, w)), f elementwise, where nobody reads the rest
///   conv(pad(x), w)       ->  conv'(x, w)
///   conv(x, pad(w))       ->  conv'(x, w)
///   transpose(pad(x))     ->  pad(transpose(x))
///
/// where conv' has other padding. The same bits come out.
ir::Graph crop(const ir::Graph& graph);

}  // namespace gradus::transforms
