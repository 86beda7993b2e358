#include "cuda/depthwise/depthwise_engine.hpp"

#include <algorithm>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/gradient_kernel.cuh"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/depthwise/gradient_window_policy.hpp"
#include "cuda/depthwise/window_policy.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/device_limits.hpp"

namespace faltung::cuda {
namespace {

using depthwise::Arguments;
using depthwise::Geometry;

// The element type of a problem, as a call with its value.
template <typename F>
void visit_element(DType type, F&& f) {
  switch (type) {
    case DType::f16:
      return f(Half{});
    case DType::bf16:
      return f(BFloat16{});
    case DType::f64:
      return f(double{});
    default:
      return f(float{});
  }
}

Global<const unsigned char> bytes_of(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

// `tiling` of rows that begin at multiples of 16 bytes, if the tensors that lie in them do.
template <typename Tiling>
Tiling with_vectors(Tiling tiling, const void* x, const void* y) {
  tiling.x_vectors = tiling.x_vectors && aligned(x);
  tiling.y_vectors = tiling.y_vectors && aligned(y);
  return tiling;
}

class DepthwiseTask : public Task {
 public:
  DepthwiseTask(const Problem& p, const Device& device)
      : sums_(p.accumulator), limits_(device_limits(device.index)), device_(device) {
    arguments_.geometry = depthwise::lower(p);
    arguments_.epilogue = epilogue_arguments(p);
    arguments_.type = p.input;
  }

  ErrorBound error_bound() const override {
    return {ErrorBound::Kind::elementwise, sum_error(terms(), sums_)};
  }
  /// Loads the kernels, so that `run` only launches.
  void load() const {
    const DeviceGuard guard(device_.index);
    launch(arguments_, {}, LaunchQueue::load_only());
  }
  void run(const RunArguments& run) const final {
    Arguments arguments = arguments_;
    arguments.x = bytes_of(run.first);
    arguments.w = bytes_of(run.second);
    arguments.y = Global<unsigned char>(static_cast<unsigned char*>(run.result));
    arguments.epilogue.bias = bytes_of(run.bias);
    const DeviceGuard guard(device_.index);
    launch(arguments, run, static_cast<cudaStream_t>(run.stream.handle));
  }

 protected:
  const Geometry& geometry() const { return arguments_.geometry; }
  virtual double terms() const {
    return static_cast<double>(geometry().inputs) * static_cast<double>(geometry().taps());
  }
  DType sums_;
  DeviceLimits limits_;
  Arguments arguments_;

 private:
  virtual void launch(const Arguments& arguments, const RunArguments& run,
                      LaunchQueue stream) const = 0;

  Device device_;
};

class GatherTask final : public DepthwiseTask {
 public:
  using DepthwiseTask::DepthwiseTask;

  std::string policy() const override { return "one output a thread, taps from the L1"; }

 private:
  void launch(const Arguments& arguments, const RunArguments&, LaunchQueue stream) const override {
    visit_element(arguments.type, [&](auto element) {
      depthwise::launch_gather<decltype(element)>(arguments, stream);
    });
  }
};

class BandTask final : public DepthwiseTask {
 public:
  BandTask(const Problem& p, const Device& device)
      : DepthwiseTask(p, device), tiling_(depthwise::band_tiling(geometry(), limits_)) {}

  // Tensor cores add eight products in one step and cut the sum off: Fasi, Higham, Mikaitis &
  // Pranesh, PeerJ Comput. Sci. 7 (2021) e330. A step errs by 2^-23 of what it holds.
  ErrorBound error_bound() const override {
    const double steps = 2.0 * tiling_.steps * static_cast<double>(geometry().axis[1].filter);
    return {ErrorBound::Kind::elementwise,
            std::max(sum_error(terms(), DType::f32), steps * 0x1p-23)};
  }
  std::string policy() const override {
    const depthwise::BandTiling& t = tiling_;
    return message("bands on tensor cores, tiles of ", t.rows, 'x', t.cols,
                   t.folded ? " in one row" : "", ", 16 strips of ", t.strip, ", ", t.steps,
                   " steps", t.x_vectors && t.y_vectors ? ", vectors" : "",
                   "; spreads NaN and infinity within ", 16 * t.steps, " columns");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.result);
    if (arguments.type == DType::f16) {
      depthwise::launch_band<Half>(arguments, tiling, stream);
    } else {
      depthwise::launch_band<BFloat16>(arguments, tiling, stream);
    }
  }
  depthwise::BandTiling tiling_;
};

class WindowTask final : public DepthwiseTask {
 public:
  WindowTask(const Problem& p, const Device& device) : DepthwiseTask(p, device) {
    arguments_.geometry = depthwise::dense(geometry());
    tiling_ = depthwise::window_tiling(geometry(), static_cast<int>(size_of(p.input)), limits_);
  }

  std::string policy() const override {
    const depthwise::WindowTiling& t = tiling_;
    return message("tiles of ", t.rows, 'x', t.cols, ", ", t.slots, " to a block, runs of ", t.run,
                   ", taps in registers", t.x_vectors && t.y_vectors ? ", vectors" : "");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.result);
    if (arguments.type == DType::f32) {
      depthwise::launch_window<float>(arguments, tiling, stream);
    } else {
      depthwise::launch_window<double>(arguments, tiling, stream);
    }
  }
  depthwise::WindowTiling tiling_;
};

class ChannelsTask final : public DepthwiseTask {
 public:
  ChannelsTask(const Problem& p, const Device& device)
      : DepthwiseTask(p, device),
        tiling_(
            depthwise::channels_tiling(geometry(), static_cast<int>(size_of(p.input)), limits_)) {}

  std::string policy() const override {
    const depthwise::ChannelsTiling& t = tiling_;
    return message("lanes along ", t.words, " words of channels, tiles of ", t.rows, 'x', t.cols,
                   ", runs of ", t.run, ", taps of ", t.size, 'x', t.size, " in registers",
                   t.x_vectors && t.y_words ? ", vectors" : "");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    depthwise::ChannelsTiling tiling = tiling_;
    tiling.x_vectors = tiling.x_vectors && aligned(run.first);
    tiling.y_words = tiling.y_words && aligned(run.result);
    if (arguments.type == DType::f16) {
      depthwise::launch_channels<Half>(arguments, tiling, stream);
    } else if (arguments.type == DType::bf16) {
      depthwise::launch_channels<BFloat16>(arguments, tiling, stream);
    } else {
      depthwise::launch_channels<float>(arguments, tiling, stream);
    }
  }
  depthwise::ChannelsTiling tiling_;
};

class GradientTask final : public DepthwiseTask {
 public:
  GradientTask(const Problem& p, const Device& device)
      : DepthwiseTask(p, device), cut_(cut_of(geometry())) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(cut_.chunks * geometry().channels * geometry().taps()) *
           size_of(sums_);
  }
  std::string policy() const override {
    return message(cut_.chunks, " pieces of ", cut_.chunk, " positions, added in order");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    visit_element(arguments.type, [&](auto element) {
      depthwise::launch_gradient<decltype(element)>(arguments, cut_, run.workspace, stream);
    });
  }
  static depthwise::GradientCut cut_of(const Geometry& g) {
    return depthwise::gradient_cut(g, depthwise::divide_up(g.taps(), depthwise::gradient_taps));
  }
  double terms() const override {
    return static_cast<double>(geometry().batch) * static_cast<double>(geometry().positions());
  }
  depthwise::GradientCut cut_;
};

class GradientMmaTask final : public DepthwiseTask {
 public:
  GradientMmaTask(const Problem& p, const Device& device)
      : DepthwiseTask(p, device), tiling_(depthwise::gradient_mma_tiling(geometry())) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(tiling_.chunks * geometry().channels * geometry().taps()) *
           sizeof(float);
  }
  // Steps of eight products on tensor cores, as in BandTask; then the diagonals of all warps and
  // the pieces of a channel are added one by one.
  ErrorBound error_bound() const override {
    const double steps = 2 * depthwise::gradient_mma_chain(tiling_);
    const double added = 8.0 * depthwise::gradient_mma_warps + static_cast<double>(tiling_.chunks);
    const double terms = static_cast<double>(geometry().batch * geometry().positions());
    return {ErrorBound::Kind::elementwise,
            std::max(sum_error(terms, DType::f32), steps * 0x1p-23 + added * 0x1p-24)};
  }
  std::string policy() const override {
    const depthwise::GradientTiling& t = tiling_;
    return message("on tensor cores, tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "",
                   ", ", t.planes, " at a time, ", t.chunks, " pieces of a channel, added in order",
                   t.x_vectors && t.y_vectors ? ", vectors" : "",
                   "; spreads NaN and infinity over the taps of a channel");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.second);
    if (arguments.type == DType::f16) {
      depthwise::launch_gradient_mma<Half>(arguments, tiling, run.workspace, stream);
    } else {
      depthwise::launch_gradient_mma<BFloat16>(arguments, tiling, run.workspace, stream);
    }
  }
  depthwise::GradientTiling tiling_;
};

class GradientWindowTask final : public DepthwiseTask {
 public:
  GradientWindowTask(const Problem& p, const Device& device)
      : DepthwiseTask(p, device),
        tiling_(depthwise::gradient_window_tiling(geometry(), static_cast<int>(size_of(p.input)))),
        runs_(depthwise::gradient_window_runs(geometry(), tiling_)) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(runs_.chunks * geometry().channels * geometry().taps()) *
           size_of(sums_);
  }
  std::string policy() const override {
    const depthwise::WindowTiling& t = tiling_;
    return message("tiles of ", t.rows, 'x', t.cols, ", ", t.slots,
                   " to a block, sums in registers, ", runs_.chunks,
                   " pieces of a channel, added in order",
                   t.x_vectors && t.y_vectors ? ", vectors" : "",
                   "; spreads NaN and infinity over the taps of a channel");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.second);
    if (arguments.type == DType::f32) {
      depthwise::launch_gradient_window<float>(arguments, tiling, run.workspace, stream);
    } else {
      depthwise::launch_gradient_window<double>(arguments, tiling, run.workspace, stream);
    }
  }
  double terms() const override {
    return static_cast<double>(geometry().batch) * static_cast<double>(geometry().positions());
  }
  depthwise::WindowTiling tiling_;
  depthwise::GradientRuns runs_;
};

class DepthwiseEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.depthwise"; }

  Verdict supports(const Problem& p, const Device& device) const override {
    if (device.kind != DeviceKind::cuda) return Verdict::no("runs on CUDA devices only");
    std::string reason = depthwise::refusal(p);
    return reason.empty() ? Verdict::yes() : Verdict::no(std::move(reason));
  }

  double estimate_us(const Problem& p, const Device& device) const override {
    const Geometry g = depthwise::lower(p);
    const int bytes = static_cast<int>(size_of(p.input));
    if (depthwise::can_gradient_mma(p, g)) {
      return depthwise::predict_gradient_mma_us(g, depthwise::gradient_mma_tiling(g), p.bytes());
    }
    if (depthwise::can_gradient_window(p, g)) {
      return depthwise::predict_gradient_window_us(p, g,
                                                   depthwise::gradient_window_tiling(g, bytes));
    }
    if (p.pass == Pass::backward_filter) return depthwise::predict_gradient_us(p, g);
    const DeviceLimits limits = device_limits(device.index);
    if (depthwise::can_band(p, g)) {
      return depthwise::predict_band_us(g, depthwise::band_tiling(g, limits), p.bytes());
    }
    if (depthwise::can_window(p, g)) {
      const Geometry walked = depthwise::dense(g);
      return depthwise::predict_window_us(p, walked,
                                          depthwise::window_tiling(walked, bytes, limits));
    }
    if (depthwise::can_channels(p, g)) {
      return depthwise::predict_channels_us(p, depthwise::channels_tiling(g, bytes, limits));
    }
    return depthwise::predict_gather_us(p, g);
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device& device) const override {
    std::unique_ptr<DepthwiseTask> task = make_task(p, device);
    task->load();
    return task;
  }

 private:
  static std::unique_ptr<DepthwiseTask> make_task(const Problem& p, const Device& device) {
    const Geometry g = depthwise::lower(p);
    if (depthwise::can_gradient_mma(p, g)) return std::make_unique<GradientMmaTask>(p, device);
    if (depthwise::can_gradient_window(p, g)) {
      return std::make_unique<GradientWindowTask>(p, device);
    }
    if (p.pass == Pass::backward_filter) return std::make_unique<GradientTask>(p, device);
    if (depthwise::can_band(p, g)) return std::make_unique<BandTask>(p, device);
    if (depthwise::can_window(p, g)) return std::make_unique<WindowTask>(p, device);
    if (depthwise::can_channels(p, g)) return std::make_unique<ChannelsTask>(p, device);
    return std::make_unique<GatherTask>(p, device);
  }
};

}  // namespace

const Engine& depthwise_engine() {
  static const DepthwiseEngine engine;
  return engine;
}

}  // namespace faltung::cuda
