#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/export.hpp>

namespace faltung {

/// What kind of processor a device is.
enum class DeviceKind : std::uint8_t { cpu, cuda };

/// Where data lives and work runs.
struct Device {
  DeviceKind kind = DeviceKind::cpu;  ///< what it is
  int index = 0;                      ///< CUDA device ordinal; 0 on the CPU

  /// The CPU.
  static constexpr Device cpu() noexcept { return {}; }
  /// The CUDA device of that ordinal; whether there is one shows when it is used.
  static constexpr Device cuda(int index = 0) noexcept { return {DeviceKind::cuda, index}; }

  /// Reads "cpu", "cuda" or "cuda:1".
  ///
  /// @throws InvalidProblem for anything else.
  [[nodiscard]] FALTUNG_API static Device parse(std::string_view text);

  friend constexpr bool operator==(const Device&, const Device&) noexcept = default;
};

/// "cpu", "cuda:0"
[[nodiscard]] FALTUNG_API std::string to_string(const Device& device);
FALTUNG_API std::ostream& operator<<(std::ostream& os, const Device& device);

/// One usable device and what is known about it, for people.
struct DeviceInfo {
  Device device;        ///< what to pass
  std::string name;     ///< "AMD EPYC 9654, 2 threads", "NVIDIA H200"
  std::string details;  ///< instruction sets, or compute capability and memory
};

/// Every device this process can use; the CPU comes first. Never throws for a missing driver.
[[nodiscard]] FALTUNG_API std::vector<DeviceInfo> devices();

/// Why no CUDA device can be used here; empty if one can.
[[nodiscard]] FALTUNG_API std::string cuda_unavailable_reason();

/// The order in which work happens on a device. Wraps a `cudaStream_t` that the caller owns; on the
/// CPU work is done when the call returns.
struct Stream {
  Device device;           ///< on which the work runs
  void* handle = nullptr;  ///< cudaStream_t; null is the default stream of the device
};

}  // namespace faltung
