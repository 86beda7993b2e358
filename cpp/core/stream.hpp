#pragma once

#include <faltung/device.hpp>

namespace faltung {

/// The stream that work on `device` goes to: `Stream{}` means the default stream of the device.
[[nodiscard]] constexpr Stream stream_on(const Device& device, const Stream& stream) noexcept {
  const bool unnamed = stream.handle == nullptr && stream.device == Device::cpu();
  return unnamed ? Stream{device, nullptr} : stream;
}

}  // namespace faltung
