#pragma once

#include <algorithm>
#include <array>
#include <complex>
#include <cstdint>
#include <vector>

#include "cpp/cpu/fft/cyclic_transform.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {

/// Spectra of real arrays of any lengths, to be changed frequency by frequency.
///
/// Where the last length n is even, x[2 j] + i x[2 j + 1] is transformed in the place of x: E + i
/// O, with the spectra E and O of the even and the odd elements. Each of them is at -k what it is
/// at k, conjugated, which tells them apart; and X[k] = E[k] + exp(-2 pi i k / n) O[k], X[k + n/2]
/// the difference. Other arrays are transformed as complex ones. Source: Cooley, Lewis & Welch, J.
/// Sound Vib. 12 (1970) 315.
class RealSpectrum {
 public:
  using Complex = std::complex<double>;
  using Work = CyclicTransform::Work;

  explicit RealSpectrum(const Shape& lengths);

  /// Doubles of a spectrum, which is aligned as Work is.
  [[nodiscard]] std::int64_t values() const { return transform_.spectrum_values(); }
  [[nodiscard]] std::int64_t work_bytes(int slots) const;

  void forward(const double* x, double* spectrum, const Work& work) const;
  /// The inverse, divided by the number of points. Overwrites the spectrum.
  void inverse(double* spectrum, double* x, const Work& work) const;

  /// Frequencies that stand together: those of a row, which is an index of all axes but the last,
  /// that are `column` and, if there are two, `column` + n/2 along the last axis.
  struct Place {
    std::int64_t row, column;
    std::int64_t here, mirrored;  ///< in a spectrum, in doubles
  };
  using Pair = std::array<Complex, 2>;

  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(row_places_.size()); }
  [[nodiscard]] std::int64_t columns() const { return columns_; }
  [[nodiscard]] int parts() const { return packed_ ? 2 : 1; }

  /// X at these frequencies.
  [[nodiscard]] Pair at(const double* spectrum, const Place& place) const {
    const Complex z = value(spectrum + place.here);
    if (!packed_) return {z, Complex{}};
    const Complex mirrored = std::conj(value(spectrum + place.mirrored));
    const Complex even = 0.5 * (z + mirrored), difference = 0.5 * (z - mirrored);
    const Complex odd = product(turns_[static_cast<std::size_t>(place.column)],
                                {difference.imag(), -difference.real()});
    return {even + odd, even - odd};
  }
  /// Sets it there, and at the opposite frequencies, as a real array has it.
  void put(double* spectrum, const Place& place, const Pair& x) const {
    if (!packed_) return set(spectrum + place.here, x[0]);
    const Complex even = 0.5 * (x[0] + x[1]);
    const Complex odd =
        product(std::conj(turns_[static_cast<std::size_t>(place.column)]), 0.5 * (x[0] - x[1]));
    set(spectrum + place.here, {even.real() - odd.imag(), even.imag() + odd.real()});
    set(spectrum + place.mirrored, {even.real() + odd.imag(), odd.real() - even.imag()});
  }

  /// Calls f(place) for places that have all frequencies, or the opposite ones of a real array,
  /// once. Different calls read and write different numbers.
  template <typename F>
  void for_each_place(int slots, F&& f) const {
    parallel_for(rows(), slots, [&](std::int64_t number, int) {
      const std::int64_t row = order_[static_cast<std::size_t>(number)];
      const std::int64_t mirrored = packed_ ? mirrored_rows_[static_cast<std::size_t>(row)] : row;
      if (mirrored < row) return;
      const std::int64_t end = packed_ && mirrored == row ? columns_ / 2 + 1 : columns_;
      const std::int64_t here = row_places_[static_cast<std::size_t>(row)];
      const std::int64_t there = row_places_[static_cast<std::size_t>(mirrored)];
      const std::vector<std::int64_t>& places = transform_.axis_places().back();
      for (std::int64_t k = 0; k < end; ++k) {
        const std::int64_t opposite = k == 0 ? 0 : columns_ - k;
        f(Place{row, k, here + places[static_cast<std::size_t>(k)],
                there + places[static_cast<std::size_t>(opposite)]});
      }
    });
  }

  /// By its parts: what std::complex does about infinity costs more than all else here.
  static Complex product(const Complex& a, const Complex& b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

 private:
  [[nodiscard]] Complex value(const double* at) const {
    return {at[0], at[transform_.imaginary_offset()]};
  }
  void set(double* at, const Complex& x) const {
    at[0] = x.real();
    at[transform_.imaginary_offset()] = x.imag();
  }

  bool packed_;
  std::int64_t points_;   ///< of the transform
  std::int64_t columns_;  ///< along its last axis
  CyclicTransform transform_;
  std::vector<std::int64_t> row_places_, mirrored_rows_;
  std::vector<std::int64_t> order_;  ///< rows as they stand in memory
  std::vector<Complex> turns_;       ///< exp(-2 pi i k / n)
};

}  // namespace faltung::fft
