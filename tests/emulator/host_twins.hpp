#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// Device functions compiled for the CPU, as bytes in place of the code that a linker of NVIDIA's
/// would be given: what stands in for one of its libraries calls them.
namespace faltung::emulator {

struct HostTwin {
  std::string_view name;
  void* function;
};

struct HostTwins {
  static constexpr std::uint64_t known = 0x736e697774;  ///< what tells them from other bytes
  std::uint64_t magic = known;
  const HostTwin* first;
  std::size_t count;

  explicit HostTwins(std::span<const HostTwin> twins) : first(twins.data()), count(twins.size()) {}

  /// Null if these bytes are none, or have no such function.
  static void* find(const void* bytes, std::size_t size, std::string_view name) {
    const auto* twins = static_cast<const HostTwins*>(bytes);
    if (size != sizeof(HostTwins) || twins->magic != known) return nullptr;
    for (const HostTwin& twin : std::span(twins->first, twins->count)) {
      if (twin.name == name) return twin.function;
    }
    return nullptr;
  }
};

}  // namespace faltung::emulator
