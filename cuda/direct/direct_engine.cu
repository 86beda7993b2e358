#include "cuda/direct/direct_engine.hpp"

#include "cpp/core/message.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda {
namespace {

using direct::Arguments;
using direct::Choice;
using direct::Geometry;
using direct::Kernel;

class DirectTask final : public Task {
 public:
  DirectTask(const direct::Call& call, const direct::KernelWay& way, const Device& device)
      : device_(device), accumulator_(call.problem.accumulator) {
    const Problem& p = call.problem;
    arguments_.x_type = p.pass == Pass::forward ? p.input : p.output;
    arguments_.y_type = p.result_dtype();
    arguments_.w_type = p.filter;
    arguments_.geometry = call.geometry;
    arguments_.epilogue = epilogue_arguments(p);
    choice_ = way.cut(call, true);
    unaligned_ = choice_.needs_alignment() ? way.cut(call, false) : choice_;
    error_ =
        std::max(choice_.error(p, arguments_.geometry), unaligned_.error(p, arguments_.geometry));
    const DeviceGuard guard(device.index);
    for (const Choice* choice : {&choice_, &unaligned_}) {
      arguments_.tiling = choice->tiling;
      launch(choice->kernel, arguments_, LaunchQueue::load_only());
    }
  }

  ErrorBound error_bound() const override {
    if (is_integer(accumulator_)) return {};
    return {ErrorBound::Kind::elementwise, error_};
  }

  std::string policy() const override { return choice_.policy(); }

  void run(const RunArguments& run) const override {
    Arguments arguments = arguments_;
    arguments.x = Global<const unsigned char>(static_cast<const unsigned char*>(run.first));
    arguments.w = Global<const unsigned char>(static_cast<const unsigned char*>(run.second));
    arguments.y = Global<unsigned char>(static_cast<unsigned char*>(run.result));
    arguments.epilogue.bias =
        Global<const unsigned char>(static_cast<const unsigned char*>(run.bias));
    const DeviceGuard guard(device_.index);
    const auto stream = static_cast<cudaStream_t>(run.stream.handle);
    const Choice& choice = is_aligned(run.first) && is_aligned(run.result) ? choice_ : unaligned_;
    arguments.tiling = choice.tiling;
    launch(choice.kernel, arguments, stream);
  }

 private:
  void launch(Kernel kernel, const Arguments& arguments, LaunchQueue stream) const {
    const auto start = [&](auto zero) {
      using Acc = decltype(zero);
      if constexpr (std::is_floating_point_v<Acc> || std::is_same_v<Acc, std::uint32_t>) {
        if (kernel == Kernel::walk) return direct::launch_walk<Acc>(arguments, stream);
      }
      if constexpr (std::is_same_v<Acc, float>) {
        if (kernel == Kernel::band) return direct::launch_band(arguments, stream);
        if (kernel == Kernel::slab) return direct::launch_slab(arguments, stream);
        if (kernel == Kernel::patch) return direct::launch_patch(arguments, stream);
      }
      if constexpr (std::is_floating_point_v<Acc> || std::is_same_v<Acc, Complex<float>>) {
        if (kernel == Kernel::fir) return direct::launch_fir<Acc>(arguments, stream);
      }
      direct::launch_direct<Acc>(arguments, stream);
    };
    visit_type<float, double, Complex<float>, Complex<double>, std::uint32_t, std::uint64_t>(
        accumulator_, start);
  }

  Device device_;
  DType accumulator_;
  Arguments arguments_;
  Choice choice_, unaligned_;
  double error_ = 0;
};

class DirectEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.direct"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  bool takes_empty_tensors() const override { return true; }
  std::vector<WayText> ways() const override { return texts(direct::ways()); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = direct::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    // Kernels differ in the order of their sums: one is chosen for every device, and cut for this.
    direct::Call call{p, direct::lower(p), reference_gpu_machine()};
    const direct::KernelWay* way = choose_way(direct::ways(), call, wanted, refusal);
    if (way == nullptr) return Offer::no(std::move(refusal));
    call.gpu = gpu_machine(device.index);
    return {.refusal = {},
            .way = way->name,
            .estimate_us = way->us(call),
            .prepare = [call, way, device] {
              return std::make_unique<DirectTask>(call, *way, device);
            }};
  }
};

}  // namespace

const Engine& direct_engine() {
  static const DirectEngine engine;
  return engine;
}

}  // namespace faltung::cuda
