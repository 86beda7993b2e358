#pragma once

#include <cstddef>
#include <memory>

#include "cpp/core/streamed/lanes.hpp"

namespace faltung::cuda {

/// Three streams of a device of their own, which wait for nobody's default stream.
[[nodiscard]] std::unique_ptr<streamed::Lanes> make_lanes(int device);

/// Bytes of a device that nobody has taken. @throws DeviceError if it does not say
[[nodiscard]] std::size_t free_bytes(int device);

}  // namespace faltung::cuda
