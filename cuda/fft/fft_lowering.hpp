#pragma once

#include <string>

#include "cuda/fft/fft_policy.hpp"

namespace faltung::cuda::fft {

/// Why the engine refuses a problem whatever the device; empty if it takes it.
[[nodiscard]] std::string refusal(const Problem& problem);

/// A problem that is not refused, but for how its axes are cut.
[[nodiscard]] Geometry lower(const Problem& problem);
/// Of its axes, in the same order.
[[nodiscard]] Ranges needed_ranges(const Problem& problem);

}  // namespace faltung::cuda::fft
