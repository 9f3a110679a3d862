// Operations made of operations.
#pragma once

#include <functional>

#include <gradus/tensor.h>

namespace gradus {

/// What `body` computes, as one operation called `name`: errors and profiles name the line `where`
/// instead of the lines inside; outside a trace it runs as one compiled program, found again by its
/// content. For functions of one's own that should behave like those of the library:
///
///   Tensor gelu(const Tensor& x, SourcePos where = SourcePos::here()) {
///     return composite("gelu", where, [&] { return 0.5 * x * (1 + erf(x * M_SQRT1_2)); });
///   }
Tensor composite(const char* name, SourcePos where, const std::function<Tensor()>& body);

}  // namespace gradus
