#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cpp/cpu/fft/fft_task.hpp"
#include "cpp/cpu/fft/operand_scan.hpp"

namespace faltung::fft {

/// Integers out of transforms: a look at the operands tells which way is right for them, and the
/// fastest of these is taken.
///
///     whole      sums of integers err by less than one half: they are rounded
///     digits     so do those of digits of the integers, which are put together modulo 2^64
///     multiples  floating sums are multiples of a power of two that is more than twice their error
///     watched    floating sums near a jump of the store are taken from the definition (SumGuard)
///     direct     a task of another engine, prepared beside the transforms, does it all
///
/// Floating sums are watched in the forward pass alone, and not with beta, which reads what a first
/// try may have overwritten; those that are no multiples go to the other engine then.
///
/// Results depend on the data alone, not on threads or instruction sets.
class ExactTask final : public Task {
 public:
  enum class Way : std::uint8_t { whole, digits, multiples, watched, direct };

  /// Whether an ExactTask is what the problem needs: it has an integer result of floating sums, or
  /// sums of integers that can grow too large for one transform.
  [[nodiscard]] static bool serves(const Problem& problem, const Sizes& n);

  /// Digits that serve all integers of the problem's types, and what they cost; nothing where sums
  /// are floating, or no digits are small enough.
  [[nodiscard]] static std::optional<DigitChoice> digits_of_all(const Problem& problem,
                                                                const Sizes& n);

  /// Whether another engine stands by.
  enum class Beside : std::uint8_t {
    fastest,
    none  ///< for problems that have digits_of_all
  };

  /// @param blocks  for the problem with floating sums in f64
  ExactTask(const Problem& problem, const BlockPlan& blocks, Beside beside = Beside::fastest);
  [[nodiscard]] std::size_t workspace_bytes() const override;
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

  /// How many runs ended on this way.
  [[nodiscard]] std::int64_t runs(Way way) const { return runs_[static_cast<std::size_t>(way)]; }
  /// Sums that were taken from the definition, over all runs.
  [[nodiscard]] std::int64_t repaired() const { return repaired_; }
  [[nodiscard]] const Digits& max_digits() const { return max_; }

 private:
  struct Filter;  ///< what is bound
  [[nodiscard]] Way run_integers(const RunArguments& arguments, const OperandScan& first,
                                 const OperandScan& second) const;
  [[nodiscard]] Way run_floats(const RunArguments& arguments, const OperandScan& x,
                               const OperandScan& w) const;
  [[nodiscard]] SumGuard::Accuracy accuracy(const OperandScan& x, const OperandScan& w) const;
  [[nodiscard]] OperandScan scan_first(const void* data) const;
  [[nodiscard]] OperandScan scan_second(const void* data) const;
  [[nodiscard]] double transforms_us(double cost) const;
  void choose_max_digits();
  [[nodiscard]] bool converts_bias() const;
  [[nodiscard]] const void* converted_bias(const RunArguments& arguments) const;

  Problem p_;  // floating sums in f64
  Sizes n_;
  double one_thread_us_;          // one digit each
  std::unique_ptr<Task> direct_;  // may be null
  double direct_us_;
  Digits max_;
  double max_cost_ = 1;      // of as many
  DType bias_;               // as it comes; what transforms get is p_.bias_dtype()
  std::size_t bias_at_ = 0;  // in the workspace, converted
  std::unique_ptr<FftTask<double, std::uint64_t>> integers_;  // one of the two
  std::unique_ptr<FftTask<double, double>> floats_;
  int slots_ = 1;
  mutable std::atomic<std::int64_t> runs_[5] = {};
  mutable std::atomic<std::int64_t> repaired_{0};
};

}  // namespace faltung::fft
