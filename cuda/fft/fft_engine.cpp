#include "cuda/fft/fft_engine.hpp"

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/way.hpp"
#include "cuda/fft/fft_batches.hpp"
#include "cuda/fft/fft_callbacks.hpp"
#include "cuda/fft/fft_lowering.hpp"
#include "cuda/fft/fft_task.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda {
namespace {

using fft::Call;
using fft::Geometry;
using fft::Numbers;

bool has_blocks(const Call& call) {
  for (int a = 0; a < fft::max_rank; ++a) {
    if (call.geometry.axis[a].filter != 1 && call.geometry.block[a].tiles > 1) return true;
  }
  return false;
}

double predicted_us(const Call& call) {
  return fft::predict_us(gpu_machine(call.device.index), call.numbers, call.geometry,
                         fft::batches(call.numbers, call.geometry), call.fused);
}

// Of another machine it is not known whether it has the linker, so nothing is counted on.
void choose_loads(Call& call) {
  const fft::FusedLoads wanted = fft::wanted_loads(call.numbers, call.geometry);
  if (!wanted.any() || gpu_machine_elsewhere() != nullptr) return;
  call.plain_because = fft::callbacks_refusal();
  if (call.plain_because.empty()) call.fused = wanted;
}

constexpr Way<Call> all_ways[] = {
    {.name = "blocks",
     .takes = "problems where blocks that overlap cost less than one transform",
     .serves = has_blocks,
     .us = predicted_us,
     .make = fft::make_task},
    {.name = "whole",
     .takes = "problems of which one transform holds all of an image",
     .serves = [](const Call& call) { return !has_blocks(call); },
     .us = predicted_us,
     .make = fft::make_task},
};

// Why transforms of these blocks cannot be made; empty if they can.
std::string size_refusal(const Problem& p, const Geometry& g) {
  // Index arithmetic within a block, and within an image that is stored, is of 32 bits.
  constexpr double max_points = 0x1p31;
  double points = 1;
  for (const fft::BlockAxis& block : g.block) points *= static_cast<double>(block.length);
  if (points >= max_points) return message("a transform of ", points, " points");
  double elements = 1;
  for (const fft::BlockAxis& block : g.block) elements *= static_cast<double>(block.elements);
  if (p.pass == Pass::backward_data && elements >= max_points) {
    return message("the gradient of ", elements, " elements of an image at once");
  }
  return {};
}

class FftEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.fft"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return texts<Way<Call>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = fft::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    Call call{.problem = p,
              .numbers = fft::numbers_of(p),
              .geometry = fft::lower(p),
              .device = device,
              .fused = {},
              .plain_because = {}};
    fft::cut(call.numbers, fft::needed_ranges(p), call.geometry);
    refusal = size_refusal(p, call.geometry);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    if (is_integer(p.accumulator) && !fft::set_digits(p, call.geometry, call.numbers)) {
      return Offer::no(
          "no digits of these integers are so small that a transform in f64 gives sums "
          "of so many products exactly");
    }
    // Another machine may have what this one lacks.
    if (gpu_machine_elsewhere() == nullptr && !cufft_library()) {
      return Offer::no(cufft_library().reason());
    }
    choose_loads(call);
    Offer offer = offer_of<Call>(all_ways, call, wanted);
    offer.prepare_within = [call](std::size_t limit) {
      Call limited = call;
      limited.limit = limit;
      return fft::make_task(limited);
    };
    return offer;
  }
};

}  // namespace

const Engine& fft_engine() {
  static const FftEngine engine;
  return engine;
}

}  // namespace faltung::cuda
