#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpp/core/machine.hpp"
#include "cuda/im2col/im2col_engine.hpp"
#include "cuda/im2col/im2col_lowering.hpp"
#include "cuda/im2col/im2col_task.hpp"

// cuda.im2col with chunks of a size that a test chooses.
namespace faltung::test {

inline cuda::im2col::Call call_of(const Problem& p, std::int64_t columns_bytes,
                                  bool gathers = false) {
  cuda::im2col::Call call;
  call.problem = p;
  call.geometry = cuda::im2col::lower(p);
  call.factors = cuda::im2col::factor_type(p);
  call.columns_bytes = columns_bytes;
  call.device = Device::cuda(0);
  call.gpu = cuda::gpu_machine(0);
  if (gathers) {
    call.gathers = true;
    call.forward = cuda::im2col::lower_forward(p);
    call.geometry = cuda::im2col::scattering(call.forward);
  }
  call.cut = cuda::im2col::cut_of(call, columns_bytes, true);
  return call;
}

/// The engine as it were on a GPU with another L2.
class SmallCache final : public Engine {
 public:
  explicit SmallCache(std::int64_t columns_bytes, bool gathers = false)
      : columns_bytes_(columns_bytes), gathers_(gathers) {}
  std::string_view name() const override { return "cuda.im2col"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return cuda::im2col_engine().ways(); }

 private:
  Offer answer(const Problem& p, const Device&, std::string_view) const override {
    if (std::string reason = cuda::im2col::refusal(p); !reason.empty()) return Offer::no(reason);
    return {.prepare = [call = call_of(p, columns_bytes_, gathers_)] {
      return cuda::im2col::make_task(call);
    }};
  }
  std::int64_t columns_bytes_;
  bool gathers_;
};

inline std::string policy_of(const std::string& line) {
  return cuda::im2col_engine().offer(Problem::parse(line), Device::cuda(0)).prepare()->policy();
}

}  // namespace faltung::test
