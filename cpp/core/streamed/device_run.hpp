#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>

#include <faltung/plan.hpp>
#include "cpp/core/streamed/box.hpp"
#include "cpp/core/streamed/footprint.hpp"
#include "cpp/core/streamed/lanes.hpp"
#include "cpp/core/streamed/pieces.hpp"

namespace faltung::streamed {

/// What a device has for all runs of a plan.
struct DeviceMemory {
  std::byte* data = nullptr;  ///< as its Footprint says, and the workspace at its end
  /// Of the host, two for each direction; null where every copy is direct.
  std::array<std::byte*, 2> in = {}, out = {};
  std::size_t staging_bytes = 0;  ///< of each of these
};

/// The data of one run, on the host.
struct HostData {
  ConstTensorView first, second;
  TensorView result;
  ConstTensorView bias;
};

/// Runs the pieces that were dealt to one device, in their order: what one piece reads comes while
/// the one before it is computed and the result of that before goes. Everything that waits waits
/// for an event of what it needs.
class DeviceRun {
 public:
  /// Starts the kernels of a piece, with views of the device's memory.
  using Start = std::function<void(const ConstTensorView& first, const ConstTensorView& second,
                                   const TensorView& result, const ConstTensorView& bias)>;

  DeviceRun(Lanes& lanes, const Device& device, const DeviceMemory& memory,
            const Footprint& footprint, const HostData& host)
      : lanes_(lanes), device_(device), memory_(memory), layout_(footprint), host_(host) {}

  void add(const Piece& piece, const Problem& problem, const Start& start);
  /// The rest of the last results.
  void finish();

 private:
  /// What was copied to the host's staging memory and is not where it belongs yet.
  struct Landing {
    RunCursor cursor;
    std::size_t offset = 0;  ///< in the box
    std::size_t bytes = 0;
  };
  struct Download {
    Box box;
    std::size_t slot = 0;
  };

  void upload(const ConstTensorView& tensor, const Box& box, std::byte* to);
  void upload_operand(int which, const Box& box, const ConstTensorView& tensor);
  void download(const Download& wanted);
  void land(std::size_t buffer);
  [[nodiscard]] bool is_direct(const void* data, const RunCursor& cursor, std::size_t bytes) const;
  [[nodiscard]] std::byte* place(const Slots& slots, std::size_t number) const {
    return memory_.data + slots.offset + number % slots.count * slots.bytes;
  }

  Lanes& lanes_;
  Device device_;
  const DeviceMemory& memory_;
  const Footprint& layout_;
  const HostData& host_;
  std::size_t pieces_ = 0;  ///< so far
  std::size_t results_ = 0;
  std::array<std::array<std::optional<Box>, ring>, 2> held_;  ///< in the places of operands
  std::optional<Download> waiting_;
  std::array<std::optional<Landing>, 2> landings_;
  std::size_t next_in_ = 0, next_out_ = 0;  ///< staging buffers
};

}  // namespace faltung::streamed
