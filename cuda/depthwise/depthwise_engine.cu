#include "cuda/depthwise/depthwise_engine.hpp"

#include "cpp/core/way.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_runs.hpp"
#include "cuda/depthwise/forward_tasks.hpp"
#include "cuda/depthwise/gradient_tasks.hpp"

namespace faltung::cuda {
namespace {

using depthwise::Call;
using depthwise::Geometry;

template <typename OneTask>
std::unique_ptr<Task> make(const Call& call) {
  auto task = std::make_unique<OneTask>(call);
  task->load();
  return task;
}

bool is_gradient(const Call& call) { return call.problem.pass == Pass::backward_filter; }

template <bool (*can)(const Problem&, const Geometry&)>
bool serves_gradient(const Call& call) {
  return is_gradient(call) && can(call.problem, call.geometry);
}

template <bool (*can)(const Problem&, const Geometry&)>
bool serves(const Call& call) {
  return !is_gradient(call) && can(call.problem, call.geometry);
}

// All from the machine code.
template <typename Tiling>
double predicted_us(const Call& call, const Geometry& g, const Tiling& t) {
  return predict(call.gpu, depthwise::run_of(g, t, call.problem.input, call.problem.bytes())).us;
}

// Of a filter gradient whose first half leaves so many pieces.
double with_sum_us(const Call& call, const KernelRun& first, std::int64_t pieces) {
  const auto second = depthwise::gradient_sum_run(call.geometry, pieces, call.problem.input);
  return predict(call.gpu, first).us + predict(call.gpu, second).us;
}

constexpr Way<Call> all_ways[] = {
    {.name = "gradient_mma",
     .takes = "the filter gradient of f16 and bf16, channels first, stride and dilation 1, filters "
              "of up to 64 rows and 256 columns in planes or single rows",
     .serves = serves_gradient<depthwise::can_gradient_mma>,
     .us =
         [](const Call& call) {
           const Geometry& g = call.geometry;
           const auto t = depthwise::gradient_mma_tiling(g);
           const Problem& p = call.problem;
           return with_sum_us(call, depthwise::run_of(g, t, p.input, p.bytes()), t.chunks);
         },
     .make = make<depthwise::GradientMmaTask>},
    {.name = "gradient_window",
     .takes = "the filter gradient of f32 and f64 where window takes the forward pass of planes",
     .serves = serves_gradient<depthwise::can_gradient_window>,
     .us =
         [](const Call& call) {
           const Geometry& g = call.geometry;
           const auto t = depthwise::gradient_window_tiling(g, call.element_bytes());
           const Problem& p = call.problem;
           return with_sum_us(call, depthwise::gradient_run_of(g, t, p.input, p.bytes()),
                              depthwise::gradient_window_runs(g, t).chunks);
         },
     .make = make<depthwise::GradientWindowTask>},
    {.name = "gradient",
     .takes = "every other filter gradient",
     .serves = is_gradient,
     .us =
         [](const Call& call) {
           const Geometry& g = call.geometry;
           const Problem& p = call.problem;
           const auto cut =
               depthwise::gradient_cut(g, divide_up(g.taps(), depthwise::gradient_taps));
           return with_sum_us(call, depthwise::gradient_run(g, p.input, p.bytes()), cut.chunks);
         },
     .make = make<depthwise::GradientTask>},
    {.name = "band",
     .takes = "f16 and bf16, channels first, stride and dilation 1: planes with filters of up to "
              "41 columns and 64 rows, single rows with up to 137 taps",
     .serves = serves<depthwise::can_band>,
     .us =
         [](const Call& call) {
           const Geometry& g = call.geometry;
           return predicted_us(call, g, depthwise::band_tiling(g, call.gpu.limits));
         },
     .make = make<depthwise::BandTask>},
    {.name = "window",
     .takes =
         "f32 and f64, channels first, same along rows: 3x3, 5x5, 7x7, with any dilation that "
         "leaves these sizes, stride 1 or 2; 3x3x3 with neither; also the data gradients of those",
     .serves = serves<depthwise::can_window>,
     .us =
         [](const Call& call) {
           const Geometry walked = depthwise::dense(call.geometry);
           return predicted_us(
               call, walked,
               depthwise::window_tiling(walked, call.element_bytes(), call.gpu.limits));
         },
     .make = make<depthwise::WindowTask>},
    {.name = "channels",
     .takes = "f16, bf16 and f32, channels last, at least 8 of them: filters that fit 7x7 with "
              "their dilation, stride 1 or 2, multiplier 1; also the data gradients of those",
     .serves = serves<depthwise::can_channels>,
     .us =
         [](const Call& call) {
           const Geometry& g = call.geometry;
           return predicted_us(
               call, g, depthwise::channels_tiling(g, call.element_bytes(), call.gpu.limits));
         },
     .make = make<depthwise::ChannelsTask>},
    {.name = "gather",
     .takes = "every other forward pass and data gradient",
     .serves = [](const Call& call) { return !is_gradient(call); },
     .us =
         [](const Call& call) {
           const Problem& p = call.problem;
           return predict(call.gpu, depthwise::gather_run(call.geometry, p.input, p.bytes())).us;
         },
     .make = make<depthwise::GatherTask>},
};

class DepthwiseEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.depthwise"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return texts<Way<Call>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = depthwise::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    const Call call{p, depthwise::lower(p), device, gpu_machine(device.index)};
    return offer_of<Call>(all_ways, call, wanted);
  }
};

}  // namespace

const Engine& depthwise_engine() {
  static const DepthwiseEngine engine;
  return engine;
}

}  // namespace faltung::cuda
