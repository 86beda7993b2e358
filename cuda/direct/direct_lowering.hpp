#pragma once

#include <string>

#include "cuda/direct/direct_geometry.hpp"

namespace faltung::cuda::direct {

/// Why a problem has no Geometry; empty if it has one.
[[nodiscard]] std::string refusal(const Problem& problem);

/// A problem without refusal as the kernel takes it. The data gradient of zero boundaries is a
/// forward problem too: strides become input dilation, and taps run backwards.
[[nodiscard]] Geometry lower(const Problem& problem);

}  // namespace faltung::cuda::direct
