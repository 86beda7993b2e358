#pragma once

#include <cstdint>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/depthwise/depthwise_launch.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/primitives/operands_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/gpu_machine.hpp"

namespace faltung::cuda::depthwise {

/// `tiling` of rows that begin at multiples of 16 bytes, if the tensors that lie in them do.
template <typename Tiling>
Tiling with_vectors(Tiling tiling, const void* x, const void* y) {
  tiling.x_vectors = tiling.x_vectors && is_aligned(x);
  tiling.y_vectors = tiling.y_vectors && is_aligned(y);
  return tiling;
}

/// A problem as the kernels take it, and the device.
struct Call {
  Problem problem;
  Geometry geometry;
  Device device;
  GpuMachine gpu;
  [[nodiscard]] int element_bytes() const { return static_cast<int>(size_of(problem.input)); }
};

/// What the tasks of cuda.depthwise share: everything but the kernel and how it is cut.
class DepthwiseTask : public Task {
 public:
  explicit DepthwiseTask(const Call& call) : sums_(call.problem.accumulator), device_(call.device) {
    arguments_.geometry = call.geometry;
    describe(call.problem, arguments_);
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
    locate(run, arguments);
    const DeviceGuard guard(device_.index);
    launch(arguments, run, static_cast<cudaStream_t>(run.stream.handle));
  }

 protected:
  const Geometry& geometry() const { return arguments_.geometry; }
  virtual double terms() const {
    return static_cast<double>(geometry().group_inputs) * static_cast<double>(geometry().taps());
  }
  DType sums_;
  Arguments arguments_;

 private:
  virtual void launch(const Arguments& arguments, const RunArguments& run,
                      LaunchQueue stream) const = 0;

  Device device_;
};

}  // namespace faltung::cuda::depthwise
