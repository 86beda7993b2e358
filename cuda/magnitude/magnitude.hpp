#pragma once

#include <faltung/device.hpp>
#include "cpp/core/magnitude_pass.hpp"

namespace faltung::cuda {

/// Loads the kernel for elements of a type on a device, so that passes may be captured.
void prepare_magnitude(const Device& device, DType type);

/// A pass on the stream's device.
void run_magnitude(const image::MagnitudePass& pass, const Stream& stream);

}  // namespace faltung::cuda
