#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "cpp/core/engine.hpp"

namespace faltung::test {

/// Where engines under test run: memory, copies and a stream. Tests walk `test_devices()`, so a
/// device is added there and nowhere else.
class TestDevice {
 public:
  virtual ~TestDevice() = default;
  [[nodiscard]] virtual std::string name() const = 0;  ///< "cpu": letters and digits
  [[nodiscard]] virtual Stream stream() const = 0;
  [[nodiscard]] virtual std::span<const Engine* const> engines() const = 0;

  /// Memory of the device, aligned to 256 bytes.
  [[nodiscard]] virtual void* allocate(std::size_t bytes) const = 0;
  virtual void release(void* data) const = 0;
  virtual void write(void* to, const void* from, std::size_t bytes) const = 0;
  /// Waits for the stream first.
  virtual void read(void* to, const void* from, std::size_t bytes) const = 0;
};

/// The devices whose engines a program tests: the CPU and the first GPU, if there is one; or, in
/// programs that link the emulator, the emulated GPU.
[[nodiscard]] std::span<const TestDevice* const> test_devices();

/// Where the reference runs.
[[nodiscard]] const TestDevice& cpu_device();

/// The first GPU, or null where none can run the engines of this build.
[[nodiscard]] const TestDevice* gpu_device();

/// A piece of a device's memory between two canaries.
class GuardedMemory {
 public:
  /// Holds a copy of `bytes`.
  GuardedMemory(const TestDevice& device, std::span<const std::byte> bytes);
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory() { device_.release(data_); }

  [[nodiscard]] std::byte* data() const { return data_ + guard; }
  void read(std::span<std::byte> to) const;
  /// Whether nobody wrote before the first or behind the last byte.
  [[nodiscard]] bool intact() const;

 private:
  static constexpr std::size_t guard = 256;
  const TestDevice& device_;
  std::size_t bytes_;
  std::byte* data_;
};

}  // namespace faltung::test
