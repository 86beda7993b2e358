#include "cuda/cudnn/cudnn_engine.hpp"

#include <algorithm>

#include <faltung/error.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/way.hpp"
#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/cudnn_task.hpp"
#include "cuda/runtime/cudnn_convolution.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda {
namespace {

using cudnn::Call;

double round_up(std::int64_t value, std::int64_t step) {
  return static_cast<double>((value + step - 1) / step * step);
}

// Of the tensors that have images: filters are small, or turned once for many of these.
double turned_bytes(const Problem& p) {
  return static_cast<double>(element_count(p.x_shape())) * static_cast<double>(size_of(p.input)) +
         static_cast<double>(element_count(p.y_shape())) * static_cast<double>(size_of(p.output));
}

// A product of matrices, in tiles that are padded with zeros: what docs/engines/cuda-cudnn.md says.
double predict_us(const Call& call) {
  const Problem& p = call.problem;
  const GpuMachine gpu = gpu_machine(call.device.index);
  // Of what keeps NaN under a relu nothing says that it runs on tensor cores.
  const bool tensor = p.epilogue.activation.kind == ActivationKind::none;
  const bool half = tensor && (p.input == DType::f16 || p.input == DType::bf16);
  const bool tf32 = tensor && p.input == DType::f32 && p.math == Math::fast;  // at half the speed
  const std::int64_t in = p.in_channels / p.groups, out = p.out_channels / p.groups;
  // Measured, as above: 16x64x56x56 by 64x3x3 of f64 takes 472 us.
  const double lanes_used = p.accumulator == DType::f64 ? 0.3 : 1;
  // Of others than whole vectors it has no kernel on tensor cores.
  const bool bytes = p.input == DType::i8 && in % 16 == 0 && out % 16 == 0;
  const double padded = half || tf32 || bytes ? round_up(in, 8) * round_up(out, 64)
                                              : static_cast<double>(in) * round_up(out, 16);
  const double products = p.multiply_adds() / (static_cast<double>(in) * static_cast<double>(out));
  const double matrix = gpu.multiprocessors() * gpu.clock_mhz * gpu.mma_products;
  const double rate = half    ? matrix
                      : bytes ? 2 * matrix
                      : tf32  ? matrix / 2
                              : lanes_used * gpu.products_per_us(p.accumulator);
  // Tensor cores want channels last: all three tensors are turned before or after, at half the rate
  // of a copy (measured by PyTorch on an H200, docs/engines/cuda-cudnn.md).
  const bool turned = (half || tf32) && p.layout == Layout::channels_first;
  const double turns =
      turned ? 3 * gpu.launch_us + 2 * 2 * turned_bytes(p) / gpu.moved_bytes_per_us() : 0;
  return gpu.launch_us + turns +
         std::max(products * padded / rate, p.bytes() / gpu.moved_bytes_per_us());
}

std::unique_ptr<Task> make_measured(const Call& call) {
  Call measured = call;
  measured.measures = true;
  return cudnn::make_task(measured);
}

constexpr Way<Call> all_ways[] = {
    {.name = "ranked",
     .takes = "what cuDNN has a convolution for, by the first of its proposals that is as accurate "
              "as asked for",
     .serves = [](const Call&) { return true; },
     .us = predict_us,
     .make = cudnn::make_task},
    // After one that serves everything, so taken only where it is asked for by its name.
    {.name = "measured",
     .takes = "the same if it is asked for, by the kernel that is fastest when the plan is made",
     .serves = [](const Call&) { return true; },
     .us = predict_us,
     .make = make_measured},
};

class CudnnEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.cudnn"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return texts<Way<Call>>(all_ways); }

  std::string describe_elsewhere(const Problem& p) const override {
    const GpuMachine* machine = gpu_machine_elsewhere();
    const OpenLibrary& library = cudnn_library();
    if (machine == nullptr || !library) return {};
    if (!cudnn::version_refusal(p, library.version()).empty()) return {};
    try {
      const cudnn::Descriptor device = cudnn::device_of(cudnn::device_text(*machine));
      return cudnn::to_string(
          cudnn::choose(p, device, cudnn::full_alignment, cudnn::usual_limit(p)));
    } catch (const DeviceError& error) {
      return error.what();
    }
  }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    if (const std::string reason = cudnn::unsupported_reason(p); !reason.empty()) {
      return Offer::no(message("cuDNN is not asked for ", reason));
    }
    const OpenLibrary& library = cudnn_library();
    // Another machine may have what this one lacks.
    if (gpu_machine_elsewhere() == nullptr) {
      if (!library) return Offer::no(library.reason());
      std::string refusal = cudnn::version_refusal(p, library.version());
      if (!refusal.empty()) return Offer::no(std::move(refusal));
    }
    const Call call{.problem = p, .device = device, .measures = wanted == "measured"};
    Offer offer = offer_of<Call>(all_ways, call, wanted);
    if (offer) {
      offer.prepare_within = [call](std::size_t limit) {
        return cudnn::make_task_within(call, limit);
      };
    }
    return offer;
  }
};

}  // namespace

const Engine& cudnn_engine() {
  static const CudnnEngine engine;
  return engine;
}

}  // namespace faltung::cuda
