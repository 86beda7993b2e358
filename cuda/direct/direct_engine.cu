#include "cuda/direct/direct_engine.hpp"

#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/operands_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda {
namespace {

using direct::Arguments;
using direct::Choice;

class DirectTask final : public Task {
 public:
  DirectTask(const direct::Call& call, const direct::KernelWay& way, const Device& device)
      : device_(device) {
    const Problem& p = call.problem;
    describe(p, arguments_);
    arguments_.geometry = call.geometry;
    choice_ = way.cut(call, true);
    unaligned_ = choice_.needs_alignment() ? way.cut(call, false) : choice_;
    error_ =
        std::max(choice_.error(p, arguments_.geometry), unaligned_.error(p, arguments_.geometry));
    const DeviceGuard guard(device.index);
    for (const Choice* choice : {&choice_, &unaligned_}) {
      start(*choice, arguments_, LaunchQueue::load_only());
    }
  }

  ErrorBound error_bound() const override {
    if (is_integer(arguments_.accumulator)) return {};
    return {ErrorBound::Kind::elementwise, error_};
  }

  std::string policy() const override { return choice_.policy(); }

  void run(const RunArguments& run) const override {
    Arguments arguments = arguments_;
    locate(run, arguments);
    const DeviceGuard guard(device_.index);
    const bool aligned = is_aligned(run.first) && is_aligned(run.result);
    start(aligned ? choice_ : unaligned_, arguments, static_cast<cudaStream_t>(run.stream.handle));
  }

 private:
  static void start(const Choice& choice, const Arguments& arguments, LaunchQueue stream) {
    std::visit([&](const auto& tiling) { direct::start(arguments, tiling, stream); },
               choice.tiling);
  }

  Device device_;
  Arguments arguments_;
  Choice choice_, unaligned_;
  double error_ = 0;
};

class DirectEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.direct"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  bool takes_empty_tensors() const override { return true; }
  bool keeps_order() const override { return true; }
  std::vector<WayText> ways() const override { return texts(direct::ways()); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = direct::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    // Kernels differ in the order of their sums: one is chosen for every device, and cut for this.
    direct::Call call{p, direct::lower(p), reference_gpu_machine()};
    const bool other_order = needs_order(p) && !wanted.empty() && wanted != "in_order";
    if (other_order) return Offer::no(message(wanted, " sums in an order of its own"));
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
