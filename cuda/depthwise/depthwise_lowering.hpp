#pragma once

#include <string>

#include "cuda/depthwise/depthwise_geometry.hpp"

#include <faltung/problem.hpp>

namespace faltung::cuda::depthwise {

/// Why a problem has no Geometry; empty if it has one.
[[nodiscard]] std::string refusal(const Problem& problem);

/// A problem without refusal as the kernels take it. The data gradient is a forward problem on dy;
/// the filter gradient is described by its forward problem, whose y is dy.
[[nodiscard]] Geometry lower(const Problem& problem);

}  // namespace faltung::cuda::depthwise
