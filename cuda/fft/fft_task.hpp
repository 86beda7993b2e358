#pragma once

#include <limits>
#include <memory>
#include <string>

#include "cpp/core/engine.hpp"
#include "cuda/fft/fft_batches.hpp"
#include "cuda/fft/fft_geometry.hpp"
#include "cuda/fft/fft_policy.hpp"

namespace faltung::cuda::fft {

/// A problem, and how its blocks are cut.
struct Call {
  Problem problem;
  Numbers numbers;
  Geometry geometry;
  Device device;
  FusedLoads fused;           ///< if plans with callbacks can be made
  std::string plain_because;  ///< why none are tried that would be worth it
  std::size_t limit = std::numeric_limits<std::size_t>::max();  ///< of the workspace, in bytes
};

/// Makes all plans that its runs need.
///
/// @throws DeviceError if cuFFT refuses one, bad_alloc if it has no memory for it.
[[nodiscard]] std::unique_ptr<Task> make_task(const Call& call);

}  // namespace faltung::cuda::fft
