#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <faltung/device.hpp>
#include <faltung/export.hpp>
#include <faltung/lowering.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// How a problem is streamed.
struct StreamedOptions {
  /// Where pieces are computed, each dealt to the next one. CUDA devices, or the CPU alone. Results
  /// do not depend on how many there are.
  std::vector<Device> devices = {Device::cuda(0)};
  /// Bytes of each device that pieces may take, workspaces included; never a byte more is. 0: nine
  /// tenths of what is free when the plan is made, which is only known of CUDA devices.
  std::size_t memory_limit = 0;
  /// Of the plans of all pieces; without an allocator, as all memory is taken when the plan is
  /// made.
  PlanOptions plan = {};
  /// Bytes a microsecond that copies reach in each direction, for the estimate; 0: PCI Express of
  /// 16 lanes, generation 5 from compute capability 9.0 on and else 4, at 0.8 of its rate.
  double link_bytes_per_us = 0;
};

/// What is known about the runs of a streamed plan, beside their results.
struct StreamedFacts {
  std::size_t pieces = 0;        ///< 1: all at once
  std::size_t device_bytes = 0;  ///< that each device holds as long as the plan lives
  std::size_t host_bytes = 0;    ///< pinned memory of the host, likewise, of all devices
  double copied_in_bytes = 0;    ///< to all devices in a run
  double copied_out_bytes = 0;   ///< from them
  double in_us = 0;              ///< of the copies to the busiest device alone
  double compute_us = 0;         ///< of its kernels alone
  double out_us = 0;             ///< of the copies from it alone
  double estimate_us = 0;        ///< of a run: all three side by side
};

/// A problem whose tensors lie in the host's memory and need not fit into a device's: it is cut
/// along batch, channels and rows, and its pieces are streamed through one or several devices,
/// copies beside kernels. docs/streaming.md
///
///     const auto plan = StreamedPlan::make(problem, {.memory_limit = 2u << 30});
///     plan.run(x, w, y);   // all three on the CPU; returns when y is there
///
/// Memory from cudaHostAlloc, or registered with CUDA, is copied directly; other memory goes
/// through two pinned buffers for each direction. Runs of one plan follow each other, whoever
/// calls.
class FALTUNG_API StreamedPlan {
 public:
  /// @throws InvalidProblem if the problem or an option is not valid; NoEngine if no cut fits, with
  ///         the least limit for which one does; DeviceError if a device has not that much memory.
  [[nodiscard]] static StreamedPlan make(const Problem& problem,
                                         const StreamedOptions& options = {});
  StreamedPlan(StreamedPlan&&) noexcept;
  StreamedPlan& operator=(StreamedPlan&&) noexcept;
  ~StreamedPlan();

  /// As Plan::run, with views on the CPU, and done when it returns.
  ///
  /// @throws InvalidProblem as there; DeviceError if a device fails.
  void run(const ConstTensorView& first, const ConstTensorView& second, const TensorView& result,
           const ConstTensorView& bias = {}) const;

  [[nodiscard]] const Problem& problem() const noexcept;  ///< what it computes
  [[nodiscard]] StreamedFacts facts() const;              ///< pieces, memory, times
  /// The largest of the pieces; where sums are cut, their rounded parts are added too.
  [[nodiscard]] ErrorBound error_bound() const noexcept;
  /// Several lines for people: how it is cut, memory, what copies and kernels take, and the plan of
  /// the largest piece.
  [[nodiscard]] std::string explain() const;

 private:
  struct State;
  explicit StreamedPlan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A call of a front end in pieces, as Lowering::run has it all at once: everything on the CPU.
///
/// @param made  a plan of `call.problem`
/// @param k     `{}` where the lowering has a filter of its own
/// @throws InvalidProblem and DeviceError as Lowering::run
FALTUNG_API void run_streamed(const StreamedPlan& made, const Lowering& call,
                              const ConstTensorView& x, const ConstTensorView& k,
                              const TensorView& y, const ConstTensorView& bias = {});

/// The same for one call, with the engine, method and limits that it was lowered with:
///
///     const auto call = signal::lower_convolve(x, k, {.mode = Mode::same});
///     const Tensor y = run_streamed(call, x, k, {.memory_limit = 2u << 30});
///
/// @throws InvalidProblem, NoEngine and DeviceError as StreamedPlan::make and run_streamed
[[nodiscard]] FALTUNG_API Tensor run_streamed(const Lowering& call, const ConstTensorView& x,
                                              const ConstTensorView& k,
                                              StreamedOptions options = {});

}  // namespace faltung
