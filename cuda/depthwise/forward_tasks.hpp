#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/depthwise_task.hpp"
#include "cuda/depthwise/window_policy.hpp"

namespace faltung::cuda::depthwise {

class GatherTask final : public DepthwiseTask {
 public:
  using DepthwiseTask::DepthwiseTask;

  std::string policy() const override { return "one output a thread, taps from the L1"; }

 private:
  void launch(const Arguments& arguments, const RunArguments&, LaunchQueue stream) const override {
    visit_type<Half, BFloat16, float, double>(arguments.x_type, [&](auto element) {
      launch_gather<decltype(element)>(arguments, stream);
    });
  }
};

class BandTask final : public DepthwiseTask {
 public:
  explicit BandTask(const Call& call)
      : DepthwiseTask(call), tiling_(band_tiling(geometry(), call.gpu.limits)) {}

  // Tensor cores add eight products in one step and cut the sum off: Fasi, Higham, Mikaitis &
  // Pranesh, PeerJ Comput. Sci. 7 (2021) e330. A step errs by 2^-23 of what it holds.
  ErrorBound error_bound() const override {
    const double steps = 2.0 * tiling_.steps * static_cast<double>(geometry().axis[1].filter);
    return {ErrorBound::Kind::elementwise,
            std::max(sum_error(terms(), DType::f32), steps * 0x1p-23)};
  }
  std::string policy() const override {
    const BandTiling& t = tiling_;
    return message("bands on tensor cores, tiles of ", t.rows, 'x', t.cols,
                   t.folded ? " in one row" : "", ", 16 strips of ", t.strip, ", ", t.steps,
                   " steps", t.x_vectors && t.y_vectors ? ", vectors" : "");
  }
  // Within 16 times as many columns as there are steps.
  PlanFacts facts() const override {
    PlanFacts facts;
    facts.spreads_non_finite = true;
    return facts;
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.result);
    visit_type<Half, BFloat16>(arguments.x_type, [&](auto element) {
      launch_band<decltype(element)>(arguments, tiling, stream);
    });
  }
  BandTiling tiling_;
};

class WindowTask final : public DepthwiseTask {
 public:
  explicit WindowTask(const Call& call) : DepthwiseTask(call) {
    arguments_.geometry = dense(geometry());
    tiling_ = window_tiling(geometry(), call.element_bytes(), call.gpu.limits);
  }

  std::string policy() const override {
    const WindowTiling& t = tiling_;
    return message("tiles of ", t.rows, 'x', t.cols, ", ", t.slots, " to a block, runs of ", t.run,
                   ", taps in registers", t.x_vectors && t.y_vectors ? ", vectors" : "");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.result);
    visit_type<float, double>(arguments.x_type, [&](auto element) {
      launch_window<decltype(element)>(arguments, tiling, stream);
    });
  }
  WindowTiling tiling_;
};

class ChannelsTask final : public DepthwiseTask {
 public:
  explicit ChannelsTask(const Call& call)
      : DepthwiseTask(call),
        tiling_(channels_tiling(geometry(), call.element_bytes(), call.gpu.limits)) {}

  std::string policy() const override {
    const ChannelsTiling& t = tiling_;
    return message("lanes along ", t.words, " words of channels, tiles of ", t.rows, 'x', t.cols,
                   ", runs of ", t.run, ", taps of ", t.size, 'x', t.size, " in registers",
                   t.x_vectors && t.y_words ? ", vectors" : "");
  }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    ChannelsTiling tiling = tiling_;
    tiling.x_vectors = tiling.x_vectors && is_aligned(run.first);
    tiling.y_words = tiling.y_words && is_aligned(run.result);
    visit_type<Half, BFloat16, float>(arguments.x_type, [&](auto element) {
      launch_channels<decltype(element)>(arguments, tiling, stream);
    });
  }
  ChannelsTiling tiling_;
};

}  // namespace faltung::cuda::depthwise
