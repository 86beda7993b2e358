#pragma once

#include "cuda/runtime/kernel_costs.hpp"
#include "cuda/separable/separable_policy.hpp"
#include "cuda/separable/volume_policy.hpp"

/// What the launch for a tiling runs: the kernel's row of costs, and how often its parts do, by the
/// geometry.
namespace faltung::cuda::separable {

/// Types and sizes that estimates ask for, beside the geometry.
struct Elements {
  DType accumulator = DType::f32;
  std::size_t x_bytes = 4, y_bytes = 4;  ///< of an element
  Finish finish = Finish::plain;
};

[[nodiscard]] KernelRun run_of(const Geometry& g, const PlaneTiling& s, const Elements& elements);
[[nodiscard]] KernelRun run_of(const Geometry& g, const VolumeTiling& s, const Elements& elements);

/// Microseconds until the factors are found, which blocks wait for before their first sum.
[[nodiscard]] double factoring_us(const GpuMachine& gpu, const Geometry& g);

}  // namespace faltung::cuda::separable
