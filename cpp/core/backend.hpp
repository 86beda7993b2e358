#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/libraries.hpp>
#include <faltung/machine.hpp>
#include "cpp/core/magnitude_pass.hpp"
#include "cpp/core/masked_passes.hpp"
#include "cpp/core/rank_window.hpp"
#include "cpp/core/streamed/lanes.hpp"

namespace faltung {

/// What the core needs from a kind of device other than the CPU. One instance per kind, from its
/// own folder; a build without it gets a backend that only knows why it is missing.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;

  /// Why no such device can be used; empty if one can. Never throws, leaves no error pending.
  [[nodiscard]] virtual std::string unavailable_reason() const = 0;
  /// How many there are; 0 if none can be used. Never throws.
  [[nodiscard]] virtual int count() const = 0;
  /// Why the device of this index, below count(), cannot run the engines of this build; empty if it
  /// can. Never throws.
  [[nodiscard]] virtual std::string unusable_reason(int index) const = 0;
  [[nodiscard]] virtual std::vector<DeviceInfo> devices() const = 0;
  /// Its vendor's libraries, opened if they were not. Never throws for a missing one.
  [[nodiscard]] virtual std::vector<LibraryInfo> libraries() const = 0;

  /// Memory of a Tensor, null if there is none; `release` waits for work that may still use it.
  [[nodiscard]] virtual void* allocate(const Device& device, std::size_t bytes) const = 0;
  virtual void release(const Device& device, void* data) const = 0;

  /// Stream-ordered memory, for workspaces.
  [[nodiscard]] virtual Allocator allocator() const = 0;

  /// Copies between any two devices of which at least one is of this kind, and waits.
  virtual void copy(void* target, const Device& to, const void* source, const Device& from,
                    std::size_t bytes) const = 0;
  /// Copies within the stream's device, in the order of the stream.
  virtual void copy(void* target, const void* source, std::size_t bytes,
                    const Stream& stream) const = 0;
  /// Until all work in the stream is done.
  virtual void wait(const Stream& stream) const = 0;
  /// Fills with a byte value, and waits.
  virtual void fill(void* target, const Device& device, unsigned char value,
                    std::size_t bytes) const = 0;

  /// Bytes that nobody has taken; 0 if the device does not say.
  [[nodiscard]] virtual std::size_t free_bytes(const Device& device) const = 0;
  /// Its record.
  [[nodiscard]] virtual GpuMachine machine(const Device& device) const = 0;
  /// Its queues, for problems in pieces.
  [[nodiscard]] virtual std::unique_ptr<streamed::Lanes> lanes(const Device& device) const = 0;

  /// The elementwise passes of masked convolution.
  [[nodiscard]] virtual const masked::Passes& masked_passes() const = 0;

  /// A filter of real x into y, of the same type, neither of them empty; their data are not read.
  [[nodiscard]] virtual std::unique_ptr<rank::Task> make_rank_task(
      const ConstTensorView& x, const TensorView& y, const rank::Window& window) const = 0;

  /// Makes ready what run_magnitude runs for elements of a type, so that it may be captured.
  virtual void prepare_magnitude(const Device& device, DType type) const = 0;
  virtual void run_magnitude(const image::MagnitudePass& pass, const Stream& stream) const = 0;
};

[[nodiscard]] const DeviceBackend& cuda_backend();

}  // namespace faltung
