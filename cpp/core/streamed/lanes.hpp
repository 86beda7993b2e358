#pragma once

#include <cstddef>
#include <memory>

#include <faltung/device.hpp>

namespace faltung::streamed {

/// What a device does side by side: copies to it, kernels, copies from it.
enum class Lane { in, compute, out };

/// A device as pieces see it: its memory, and three queues of work that wait for each other by
/// events alone. Ends, its work done or not, with all that it gave.
///
/// Events are numbers that the caller chooses, from 0. What waits for an event waits for its last
/// `record`, as CUDA has it; for one that was never recorded it does not wait.
class Lanes {
 public:
  virtual ~Lanes() = default;

  /// Memory of the device, aligned to memory_alignment; null if there is none. Asked for once.
  [[nodiscard]] virtual std::byte* allocate(std::size_t bytes) = 0;
  /// Memory of the host that copies run from and to beside other work; null if there is none.
  [[nodiscard]] virtual std::byte* allocate_staging(std::size_t bytes) = 0;

  /// Whether memory of the host is such memory already, whoever made it.
  [[nodiscard]] virtual bool copies_directly(const void* host) const = 0;
  /// Bytes of a copy below which starting it takes longer than moving them.
  [[nodiscard]] virtual std::size_t worthwhile_copy() const = 0;

  /// To the device in Lane::in, from it in Lane::out.
  virtual void copy(Lane lane, void* to, const void* from, std::size_t bytes) = 0;
  /// The queue that plans run in.
  [[nodiscard]] virtual Stream compute() const = 0;

  virtual void record(int event, Lane lane) = 0;
  virtual void wait(Lane lane, int event) = 0;
  virtual void wait_here(int event) = 0;  ///< the caller waits
  /// Until all work is done. @throws DeviceError if some of it failed
  virtual void finish() = 0;
};

/// The CPU, where work is done when a call returns.
[[nodiscard]] std::unique_ptr<Lanes> host_lanes();

}  // namespace faltung::streamed
