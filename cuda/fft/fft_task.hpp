#pragma once

#include <memory>

#include "cpp/core/engine.hpp"
#include "cuda/fft/fft_geometry.hpp"
#include "cuda/fft/fft_policy.hpp"

namespace faltung::cuda::fft {

/// A problem, and how its blocks are cut.
struct Call {
  Problem problem;
  Numbers numbers;
  Geometry geometry;
  Device device;
};

/// Makes all plans that its runs need.
///
/// @throws DeviceError if cuFFT refuses one, bad_alloc if it has no memory for it.
[[nodiscard]] std::unique_ptr<Task> make_task(const Call& call);

}  // namespace faltung::cuda::fft
