#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/export.hpp>

namespace faltung {

/// Functions that take tensors and plan for themselves (convolve, image::gaussian, nn::conv and
/// their relatives) keep the plans they make and take them again for the same problem: for short
/// data planning takes longer than the run. All threads of the process share what is kept.
///
/// A plan serves again if all of this is the same: the whole problem (types, shapes, strides,
/// boundaries, epilogue), engine, method and limits asked for, device, and number of threads. A
/// plan holds no data of a call and no pointer to any: filters are read anew each time. Plans
/// that hold an Allocator of the caller's, and layers with a filter bound to them, are not kept.
///
/// Plans of Plan::make belong to who makes them and are not kept either.

/// How much may be kept. What was used longest ago goes first.
struct PlanCacheLimits {
  std::size_t plans = 128;                    ///< 0 keeps nothing
  std::size_t bytes = std::size_t{32} << 20;  ///< of host memory, estimated from above
};

/// What is kept now, and what came of the calls so far.
struct PlanCacheUse {
  std::size_t plans = 0;     ///< that are kept
  std::size_t bytes = 0;     ///< estimated from above; of CUDA devices nothing is held
  std::uint64_t found = 0;   ///< calls that took a plan again
  std::uint64_t missed = 0;  ///< calls that had to plan
};
/// What is kept by this process at this moment.
[[nodiscard]] FALTUNG_API PlanCacheUse plan_cache_use();

/// Forgets all plans; runs that have taken one end with it.
FALTUNG_API void clear_plan_cache();

/// Drops what is too much at once.
FALTUNG_API void set_plan_cache_limits(const PlanCacheLimits& limits);

}  // namespace faltung
