#include "tests/support/devices.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "cpp/core/backend.hpp"

namespace faltung::test {
namespace {

constexpr std::byte canary{0xc5};

// The engines of one kind of device: cpu.direct belongs to "cpu.".
std::vector<const Engine*> engines_of(std::string_view prefix) {
  std::vector<const Engine*> engines;
  for (const Engine* engine : engine_list()) {
    if (engine->name().starts_with(prefix)) engines.push_back(engine);
  }
  return engines;
}

class Cpu final : public TestDevice {
 public:
  std::string name() const override { return "cpu"; }
  Stream stream() const override { return {}; }
  std::span<const Engine* const> engines() const override {
    static const std::vector<const Engine*> engines = engines_of("cpu.");
    return engines;
  }
  void* allocate(std::size_t bytes) const override {
    return ::operator new (bytes, std::align_val_t{memory_alignment});
  }
  void release(void* data) const override {
    ::operator delete (data, std::align_val_t{memory_alignment});
  }
  void write(void* to, const void* from, std::size_t bytes) const override {
    copy(to, from, bytes);
  }
  void read(void* to, const void* from, std::size_t bytes) const override { copy(to, from, bytes); }

 private:
  // An empty tensor may have no address, which memcpy does not take even for zero bytes.
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
};

class Gpu final : public TestDevice {
 public:
  std::string name() const override { return "gpu"; }
  Stream stream() const override { return {device}; }
  std::span<const Engine* const> engines() const override {
    static const std::vector<const Engine*> engines = engines_of("cuda.");
    return engines;
  }
  void* allocate(std::size_t bytes) const override {
    void* data = cuda_backend().allocate(device, bytes);
    if (data == nullptr) throw std::bad_alloc();
    return data;
  }
  void release(void* data) const override { cuda_backend().release(device, data); }
  void write(void* to, const void* from, std::size_t bytes) const override {
    if (bytes != 0) cuda_backend().copy(to, device, from, Device::cpu(), bytes);
  }
  void read(void* to, const void* from, std::size_t bytes) const override {
    if (bytes != 0) cuda_backend().copy(to, Device::cpu(), from, device, bytes);
  }

 private:
  Device device = Device::cuda(0);
};

}  // namespace

const TestDevice& cpu_device() {
  static const Cpu cpu;
  return cpu;
}

const TestDevice* gpu_device() {
  static const Gpu gpu;
  const DeviceBackend& backend = cuda_backend();
  const bool usable = backend.count() > 0 && backend.unusable_reason(0).empty();
  return usable ? &gpu : nullptr;
}

GuardedMemory::GuardedMemory(const TestDevice& device, std::span<const std::byte> bytes)
    : device_(device),
      bytes_(bytes.size()),
      data_(static_cast<std::byte*>(device.allocate(bytes.size() + 2 * guard))) {
  std::vector<std::byte> image(bytes_ + 2 * guard, canary);
  std::copy(bytes.begin(), bytes.end(), image.begin() + guard);
  device_.write(data_, image.data(), image.size());
}

void GuardedMemory::read(std::span<std::byte> to) const {
  device_.read(to.data(), data(), to.size());
}

bool GuardedMemory::intact() const {
  std::vector<std::byte> frame(2 * guard);
  device_.read(frame.data(), data_, guard);
  device_.read(frame.data() + guard, data_ + guard + bytes_, guard);
  return std::all_of(frame.begin(), frame.end(), [](std::byte b) { return b == canary; });
}

}  // namespace faltung::test
