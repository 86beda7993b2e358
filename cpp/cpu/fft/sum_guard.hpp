#pragma once

#include <atomic>
#include <cstdint>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::fft {

/// Floating sums that become integers. A sum that errs by less than `error` is stored right unless
/// a jump of the store lies as near as that: a whole number where it truncates, a half where it
/// rounds, an end of the range where it saturates. Such sums are taken from the definition.
///
/// If all sums are multiples of a `quantum` of more than twice the error, the nearest multiple is
/// the sum itself, and nothing is left to settle.
class SumGuard {
 public:
  struct Accuracy {
    double error = 0;    ///< of each sum, that of the definition's own included
    double quantum = 0;  ///< a power of two; 0: sums are multiples of nothing
    [[nodiscard]] bool settles_all() const { return error < quantum / 2; }
  };

  /// @param problem    with an integer result; unless the accuracy settles all, of the forward pass
  ///                   with beta = 0
  /// @param arguments  with the filter where it lies
  /// @param most       sums that may be taken from the definition
  SumGuard(const Problem& problem, const RunArguments& arguments, const Accuracy& accuracy,
           std::int64_t max);

  /// Makes `count` sums right, those of output channel k from index `first` on along `axis`.
  void settle(std::int64_t b, std::int64_t k, const Extents& first, std::size_t axis, double* sums,
              std::int64_t count) const;

  /// The same for any sums that the accuracy settles.
  void settle_all(double* sums, std::int64_t count) const;

  /// Whether `sum`, of channel k, is so near a jump that it may be stored wrong.
  [[nodiscard]] bool is_doubtful(double sum, std::int64_t k) const;

  /// Of about `samples` outputs, evenly spread, how many are doubtful.
  [[nodiscard]] std::int64_t count_doubtful(std::int64_t samples) const;

  /// One sum as the definition adds it up: channels and taps in order, in double.
  [[nodiscard]] double sum(std::int64_t b, std::int64_t k, const Extents& output) const;

  /// More sums than `max` were doubtful: the result is to be computed another way.
  [[nodiscard]] bool gave_up() const { return doubtful_ > max_; }
  [[nodiscard]] std::int64_t doubtful() const { return doubtful_; }

 private:
  [[nodiscard]] bool may_be_doubtful(const double* sums, std::int64_t count) const;
  [[nodiscard]] double stored(double value) const;
  [[nodiscard]] double bias(std::int64_t k) const;

  const Problem& p_;
  const RunArguments& arguments_;
  TensorStrides x_, w_;
  ExtendedInput<double> input_;
  LoadRow<double> load_w_;
  Accuracy accuracy_;
  std::int64_t max_;
  double low_, past_;  // what the result's type holds lies in [low, past)
  double slope_;       // steepest, of the activation
  mutable std::atomic<std::int64_t> doubtful_{0};
};

}  // namespace faltung::fft
