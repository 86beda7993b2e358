#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/accuracy.hpp>
#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/export.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// How far a result may be from the exact one. With u the unit roundoff of the accumulator and
/// u_out that of the result's type:
///
///     exact        equal, bit for bit
///     elementwise  |error| <= constant (|x| * |w|) + u_out |y|      at each output
///     normwise     ||error||_2 <= constant ||x|| ||w|| + u_out ||y||  per transformed block
///
/// A floating sum that becomes an integer (or is clamped to one) errs by this before the store, and
/// u_out is 0: the element is what the store makes of a number as near to the exact one. So it is
/// the definition's, but where the exact number is that near to a step of the store, as a whole one
/// is if it is truncated; there it may be the next integer. Sums that the accumulator holds exactly
/// (of whole or dyadic numbers, say) have no error and give the definition's integer everywhere.
/// Engines that err by the norm refuse such results or settle them one by one.
///
/// Source: Higham, Accuracy and Stability of Numerical Algorithms, §3.1 and §24.1; Higham & Mary,
/// SIAM J. Sci. Comput. 41 (2019) A2815 for the probabilistic form of long sums.
struct ErrorBound {
  /// What is bounded: nothing, each output, or all of a block together.
  enum class Kind : std::uint8_t { exact, elementwise, normwise };
  Kind kind = Kind::exact;  ///< which of the three
  double constant = 0;      ///< multiplies of the products' magnitude, u included
};

/// "exact", "elementwise", "normwise".
[[nodiscard]] FALTUNG_API std::string_view name(ErrorBound::Kind kind) noexcept;
/// The bound in words and its formula.
[[nodiscard]] FALTUNG_API std::string to_string(const ErrorBound& bound);

/// What a plan is asked to be.
struct PlanOptions {
  /// "" lets the planner choose. "cpu.fft" names an engine, "fft" any engine of that family; a
  /// slash and a word after either asks for one way of it, as "cpu.direct/in_place" does. The ways
  /// are in the pages of docs/engines.
  std::string engine = {};
  /// Engines that need more scratch memory than this, in bytes, are passed over.
  std::size_t workspace_limit = std::numeric_limits<std::size_t>::max();
  /// Forbids engines that err by the norm of the data (FFT): every output keeps its own accuracy.
  bool elementwise = false;
  /// `elementwise` lets engines choose ways that err by each output's own products, which FFT
  /// engines may have, too: outputs far smaller than their data are then summed anew. The plan's
  /// bound says how far they may be off.
  Accuracy accuracy = Accuracy::normwise;
  /// Makes Problem::math `reproducible`: every result has the same bits for any batch, number of
  /// threads, instruction set, device and memory layout, those of the order of
  /// docs/reproducible.md. Forward passes with real sums, and data gradients that are such; sums of
  /// integers are so anyway. Other problems are refused, and so is `flush_subnormals`.
  bool reproducible = false;
  /// Runs take subnormal numbers of f32, f64 and bf16 as zero, in operands and in results, on all
  /// threads alike: FTZ and DAZ of x86, FZ of aarch64. Arithmetic with them takes up to 200 times
  /// as long on some processors. error_bound() then holds but for products and sums that small. Of
  /// no effect on other processors and devices.
  bool flush_subnormals = false;
  /// Serves `run` calls without a workspace; by default the device's standard allocator.
  Allocator allocator = {};
};

/// What is known about the runs of a plan, beside their results.
struct PlanFacts {
  int threads = 1;                   ///< of the CPU that a run uses at most
  std::string instruction_set = {};  ///< of the CPU, "avx512"; empty where compilers' code runs
  /// Whether NaN and infinity may reach outputs that the definition leaves finite.
  bool spreads_non_finite = false;
  /// Whether subnormal numbers count as 0 whatever PlanOptions::flush_subnormals says.
  bool flushes_subnormals = false;
  /// Whether results that are small beside the data of their block are summed anew, so that the
  /// time of a run depends on the range of the data.
  bool watches_range = false;
  /// Whether equal operands give equal bits, whatever the number of threads and the memory.
  bool bitwise_reproducible = true;
  /// Whether bits are the same for any batch, instruction set and device, too:
  /// docs/reproducible.md.
  bool reproducible = false;
  std::size_t workspace_bytes = 0;  ///< scratch memory that a run needs
  /// How often a run goes over data as large as the operands and the result: once if everything is
  /// read once and stored once, more often if there are arrays in between.
  int memory_passes = 1;
};

/// What one engine said about a problem.
struct Candidate {
  std::string engine = {};  ///< its name, "cpu.fft"
  std::string way = {};     ///< how it would do it, a row of its table
  bool supported = false;   ///< whether it can run the problem, options included
  std::string reason = {};  ///< why not, if it is not supported or passed over
  double estimate_us = 0;   ///< expected time of a run in microseconds; 0 if it is not supported
};

/// Every engine for `problem` on `device`, in list order, with its verdict and estimate.
///
/// @throws InvalidProblem if the problem is not valid.
[[nodiscard]] FALTUNG_API std::vector<Candidate> candidates(const Problem& problem,
                                                            const Device& device = Device::cpu(),
                                                            const PlanOptions& options = {});

/// Names of all engines of this build, in the order ties are broken.
[[nodiscard]] FALTUNG_API std::vector<std::string> engine_names();

/// Every way of every engine, as PlanOptions::engine takes it: "cpu.direct/in_place".
[[nodiscard]] FALTUNG_API std::vector<std::string> engine_ways();

/// A problem ready to run: chosen engine and policy, workspace, error bound.
///
/// A stream that is left out, or `Stream{}`, is the default stream of the plan's device.
///
/// On the CPU everything is computed in a floating-point environment of its own, on every thread:
/// rounded to nearest, subnormals kept unless the options flush them, no signals. The caller's is
/// back when a call returns or throws.
///
/// `run` never synchronises and is safe from many threads at once when results and workspaces
/// differ. With a workspace from the caller it allocates nothing either.
class FALTUNG_API Plan {
 public:
  /// @throws InvalidProblem if the problem or an option is not valid, NoEngine if no engine can do
  ///         it (the message lists every engine's reason), DeviceError if memory runs out.
  [[nodiscard]] static Plan make(const Problem& problem, const Device& device = Device::cpu(),
                                 const PlanOptions& options = {});
  Plan(Plan&&) noexcept;
  Plan& operator=(Plan&&) noexcept;
  ~Plan();

  /// Computes the result from both operands, in the order the pass names them:
  /// (x, w, y), (dy, w, dx) or (x, dy, dw). The result must not share a byte with anything that is
  /// read, nor the workspace with either; slices of one buffer that lie apart may alternate.
  ///
  /// @param workspace  at least workspace_bytes(); empty takes it from the plan's allocator
  /// @param bias       Problem::result_channels() values if the epilogue has a bias; else none
  /// @throws InvalidProblem if a view's type, shape, strides, device or alignment is not that of
  ///         the problem, a bias is passed or missing, or memory overlaps; DeviceError if the
  ///         device fails.
  void run(const Stream& stream, const ConstTensorView& first, const ConstTensorView& second,
           const TensorView& result, const Workspace& workspace = {},
           const ConstTensorView& bias = {}) const;
  /// The same in the default stream of the plan's device.
  void run(const ConstTensorView& first, const ConstTensorView& second, const TensorView& result,
           const Workspace& workspace = {}, const ConstTensorView& bias = {}) const {
    run(Stream{}, first, second, result, workspace, bias);
  }

  /// Keeps a copy of the filter in the form the engine likes best: packed, or its spectrum. Not to
  /// be called while another thread runs this plan.
  ///
  /// @throws InvalidProblem for Pass::backward_filter, which has no filter to bind.
  void bind_filter(const Stream& stream, const ConstTensorView& w);
  /// The same in the default stream of the plan's device.
  void bind_filter(const ConstTensorView& w) { bind_filter(Stream{}, w); }

  /// Like `run`, with the filter bound before: (x, y) or (dy, dx).
  ///
  /// @throws InvalidProblem also if no filter is bound.
  void run_bound(const Stream& stream, const ConstTensorView& operand, const TensorView& result,
                 const Workspace& workspace = {}, const ConstTensorView& bias = {}) const;
  /// The same in the default stream of the plan's device.
  void run_bound(const ConstTensorView& operand, const TensorView& result,
                 const Workspace& workspace = {}, const ConstTensorView& bias = {}) const {
    run_bound(Stream{}, operand, result, workspace, bias);
  }

  /// The same problem for another batch, as the last one of a data set may be smaller: the same
  /// engine, allocator and limits, and none of the other engines asked, so that it costs little.
  /// Engines cut their work by the batch, so it is a plan of its own, with workspace_bytes() of its
  /// own and no filter bound. An empty batch runs nowhere and may name another engine.
  ///
  ///     const Plan last = plan.with_batch(n);
  ///     last.run(x.slice(0, {.stop = n}), w, y.slice(0, {.stop = n}));
  ///
  /// @throws InvalidProblem if the problem is not valid with it, NoEngine if the engine cannot do
  ///         it, or not within the workspace limit.
  [[nodiscard]] Plan with_batch(std::int64_t batch) const;

  /// Scratch memory that a run needs, in bytes.
  [[nodiscard]] std::size_t workspace_bytes() const noexcept;
  /// What it computes.
  [[nodiscard]] const Problem& problem() const noexcept;
  /// Where it runs.
  [[nodiscard]] const Device& device() const noexcept;
  [[nodiscard]] std::string engine() const;  ///< "cpu.fft"
  [[nodiscard]] std::string way() const;     ///< of the engine, "in_place"
  [[nodiscard]] std::string policy() const;  ///< the engine's numbers, "transform 4096 x 512"
  /// How far results may be from the exact ones: docs/bounds.md.
  [[nodiscard]] ErrorBound error_bound() const noexcept;
  /// Threads, instruction set, what NaN and subnormal numbers do, and the like.
  [[nodiscard]] PlanFacts facts() const;
  /// Expected time of a run, in microseconds.
  [[nodiscard]] double estimate_us() const noexcept;

  /// Several lines for people: problem, engine, policy, workspace, bound, and every other engine
  /// with its estimate or its reason for refusing.
  [[nodiscard]] std::string explain() const;

 private:
  struct State;
  explicit Plan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace faltung
