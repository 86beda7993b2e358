#pragma once

#include <cstdint>
#include <vector>

namespace faltung::fft {

/// How a line of complex values is transformed in place: by one pass for each radix, from the
/// first to the last, and back by the same passes in turn.
///
/// A pass of radix r over pieces of n values takes values j, j + n/r, j + 2n/r, ... of each piece,
/// transforms these r, and multiplies result s by exp(-2 pi i j s / n); each part of n/r values is
/// then a piece of the next pass (decimation in frequency). Results end in the order of
/// frequencies(), which a product of spectra does not mind.
/// Source: Gentleman & Sande, AFIPS 29 (1966) 563.
template <typename R>
struct LinePlan {
  static constexpr int max_passes = 40;
  std::int64_t length = 1;
  int passes = 1;
  int radices[max_passes] = {1};
  /// [n/r][r - 1][real, imaginary] of each pass, results 1 to r - 1. The last pass needs none.
  const R* factors[max_passes] = {};
};

/// A plan and its factors, rounded from double.
template <typename R>
class Line {
 public:
  /// @param length  without prime factors above 5, as good_length() finds it
  explicit Line(std::int64_t length);

  [[nodiscard]] const LinePlan<R>& plan() const { return plan_; }
  /// The frequency whose result stands at each place.
  [[nodiscard]] std::vector<std::int64_t> frequencies() const;

 private:
  LinePlan<R> plan_;
  std::vector<R> factors_;
};

/// The radices of a length, in order.
/// @throws std::logic_error  if a prime factor exceeds 5
[[nodiscard]] std::vector<int> radices(std::int64_t length);

}  // namespace faltung::fft
