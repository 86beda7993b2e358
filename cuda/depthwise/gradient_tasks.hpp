#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/depthwise_task.hpp"
#include "cuda/depthwise/gradient_kernel.cuh"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/depthwise/gradient_window_policy.hpp"

namespace faltung::cuda::depthwise {

/// @param spreads  whether NaN and infinity reach all taps of a channel
inline PlanFacts piecewise_facts(std::int64_t pieces, bool spreads) {
  PlanFacts facts;
  facts.spreads_non_finite = spreads;
  facts.memory_passes = pieces > 1 ? 2 : 1;  // their sums are added
  return facts;
}

class GradientTask final : public DepthwiseTask {
 public:
  explicit GradientTask(const Call& call) : DepthwiseTask(call), cut_(cut_of(geometry())) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(cut_.chunks * geometry().channels * geometry().taps()) *
           size_of(sums_);
  }
  std::string policy() const override {
    return message(cut_.chunks, " pieces of ", cut_.chunk, " positions, added in order");
  }
  PlanFacts facts() const override { return piecewise_facts(cut_.chunks, false); }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    visit_type<Half, BFloat16, float, double>(arguments.x_type, [&](auto element) {
      launch_gradient<decltype(element)>(arguments, cut_, run.workspace, stream);
    });
  }
  static GradientCut cut_of(const Geometry& g) {
    return gradient_cut(g, divide_up(g.taps(), gradient_taps));
  }
  double terms() const override {
    return static_cast<double>(geometry().batch) * static_cast<double>(geometry().positions());
  }
  GradientCut cut_;
};

class GradientMmaTask final : public DepthwiseTask {
 public:
  explicit GradientMmaTask(const Call& call)
      : DepthwiseTask(call), tiling_(gradient_mma_tiling(geometry())) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(tiling_.chunks * geometry().channels * geometry().taps()) *
           sizeof(float);
  }
  // Steps of eight products on tensor cores, as in BandTask; then the diagonals of all warps and
  // the pieces of a channel are added one by one.
  ErrorBound error_bound() const override {
    const double steps = 2 * gradient_mma_chain(tiling_);
    const double added = 8.0 * gradient_mma_warps + static_cast<double>(tiling_.chunks);
    const double terms = static_cast<double>(geometry().batch * geometry().positions());
    return {ErrorBound::Kind::elementwise,
            std::max(sum_error(terms, DType::f32), steps * 0x1p-23 + added * 0x1p-24)};
  }
  std::string policy() const override {
    const GradientTiling& t = tiling_;
    return message("on tensor cores, tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "",
                   ", ", t.planes, " at a time, ", t.chunks, " pieces of a channel, added in order",
                   t.x_vectors && t.y_vectors ? ", vectors" : "");
  }
  PlanFacts facts() const override { return piecewise_facts(tiling_.chunks, true); }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.second);
    visit_type<Half, BFloat16>(arguments.x_type, [&](auto element) {
      launch_gradient_mma<decltype(element)>(arguments, tiling, run.workspace, stream);
    });
  }
  GradientTiling tiling_;
};

class GradientWindowTask final : public DepthwiseTask {
 public:
  explicit GradientWindowTask(const Call& call)
      : DepthwiseTask(call),
        tiling_(gradient_window_tiling(geometry(), call.element_bytes())),
        runs_(gradient_window_runs(geometry(), tiling_)) {}

  std::size_t workspace_bytes() const override {
    return static_cast<std::size_t>(runs_.chunks * geometry().channels * geometry().taps()) *
           size_of(sums_);
  }
  std::string policy() const override {
    const WindowTiling& t = tiling_;
    return message("tiles of ", t.rows, 'x', t.cols, ", ", t.slots,
                   " to a block, sums in registers, ", runs_.chunks,
                   " pieces of a channel, added in order",
                   t.x_vectors && t.y_vectors ? ", vectors" : "");
  }
  PlanFacts facts() const override { return piecewise_facts(runs_.chunks, true); }

 private:
  void launch(const Arguments& arguments, const RunArguments& run,
              LaunchQueue stream) const override {
    const auto tiling = with_vectors(tiling_, run.first, run.second);
    visit_type<float, double>(arguments.x_type, [&](auto element) {
      launch_gradient_window<decltype(element)>(arguments, tiling, run.workspace, stream);
    });
  }
  double terms() const override {
    return static_cast<double>(geometry().batch) * static_cast<double>(geometry().positions());
  }
  WindowTiling tiling_;
  GradientRuns runs_;
};

}  // namespace faltung::cuda::depthwise
