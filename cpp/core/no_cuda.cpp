#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"

namespace faltung {
namespace {

constexpr const char* reason = "this build of Faltung has no CUDA engines (FALTUNG_CUDA=OFF)";

class NoCuda final : public DeviceBackend {
 public:
  std::string unavailable_reason() const override { return reason; }
  int count() const override { return 0; }
  std::string unusable_reason(int) const override { return reason; }
  std::vector<DeviceInfo> devices() const override { return {}; }
  std::vector<LibraryInfo> libraries() const override { return {}; }

  void* allocate(const Device&, std::size_t) const override { throw DeviceError(reason); }
  void release(const Device&, void*) const override {}
  // Null is the documented answer to "no memory".
  Allocator allocator() const override {
    return {nullptr,
            [](void*, std::size_t, std::size_t, const Stream&) -> void* { return nullptr; },
            [](void*, void*, std::size_t, std::size_t, const Stream&) {}};
  }
  void copy(void*, const Device&, const void*, const Device&, std::size_t) const override {
    throw DeviceError(reason);
  }
  void copy(void*, const void*, std::size_t, const Stream&) const override {
    throw DeviceError(reason);
  }
  void wait(const Stream&) const override { throw DeviceError(reason); }
  void fill(void*, const Device&, unsigned char, std::size_t) const override {
    throw DeviceError(reason);
  }
  std::size_t free_bytes(const Device&) const override { return 0; }
  GpuMachine machine(const Device&) const override { throw DeviceError(reason); }
  std::unique_ptr<streamed::Lanes> lanes(const Device&) const override {
    throw DeviceError(reason);
  }
  const masked::Passes& masked_passes() const override { throw DeviceError(reason); }
  std::unique_ptr<rank::Task> make_rank_task(const ConstTensorView&, const TensorView&,
                                             const rank::Window&) const override {
    throw DeviceError(reason);
  }
  void prepare_magnitude(const Device&, DType) const override { throw DeviceError(reason); }
  void run_magnitude(const image::MagnitudePass&, const Stream&) const override {
    throw DeviceError(reason);
  }
};

}  // namespace

const DeviceBackend& cuda_backend() {
  static const NoCuda backend;
  return backend;
}

}  // namespace faltung
