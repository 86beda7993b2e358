#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <faltung/extents.hpp>
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

/// Fourier transforms of complex arrays of any lengths over all their axes,
///
///     X[k] = sum over j of x[j] exp(-2 pi i (j_0 k_0 / n_0 + j_1 k_1 / n_1 + ...))
///
/// As one Transform where all lengths suit it, else line by line, for which a length with a prime
/// factor above 5 costs a convolution of more than twice its points. Immutable; one object serves
/// many threads.
class CyclicTransform {
 public:
  using Complex = std::complex<double>;
  using Work = Transform<Complex>::Work;

  explicit CyclicTransform(const Shape& lengths);
  ~CyclicTransform();

  /// Doubles of a spectrum, which is aligned as Work is.
  [[nodiscard]] std::int64_t spectrum_values() const;
  [[nodiscard]] std::int64_t work_bytes(int slots) const;

  void forward(const Complex* x, double* spectrum, const Work& work) const;
  /// The inverse, divided by the number of points. Overwrites the spectrum.
  void inverse(double* spectrum, Complex* x, const Work& work) const;

  /// Where X[k] stands: at the sum of [axis][k] over the axes; its imaginary part so much later.
  [[nodiscard]] const std::vector<std::vector<std::int64_t>>& axis_places() const {
    return places_;
  }
  [[nodiscard]] std::int64_t imaginary_offset() const { return imaginary_offset_; }

 private:
  class AnyLine;
  void all_lines(Complex* values, const Work& work) const;

  Shape lengths_;
  std::optional<Transform<Complex>> whole_;
  std::vector<std::unique_ptr<const AnyLine>> lines_;
  std::vector<std::vector<std::int64_t>> places_;
  std::int64_t imaginary_offset_ = 1;
};

}  // namespace faltung::fft
