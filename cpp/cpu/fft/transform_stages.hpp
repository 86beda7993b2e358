#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace faltung::fft {

template <typename T>
struct real_part {
  using type = T;
};
template <typename T>
struct real_part<std::complex<T>> {
  using type = T;
};

/// The type of T's parts.
template <typename T>
using Real = typename real_part<T>::type;
template <typename T>
inline constexpr bool is_real = std::is_same_v<T, Real<T>>;

/// How a block is transformed: as a matrix of complex numbers, first along its columns, once for
/// every slow axis, then along its rows.
///
/// An array of several axes has its last axis in the rows. One of a single axis is cut into rows,
/// and its columns are then one such axis, with factors between the two transforms: the transform
/// of rows x columns points, its results in another order.
///
/// A row of 2 m real numbers is one of m complex ones, x[j] + i x[j + m], times exp(i pi j / 2m):
/// the transform then takes the polynomial of x at the 2 m-th roots of -1 (one of each conjugate
/// pair), so that a product of spectra is a convolution whose wrapped part changes sign.
/// Source: Crandall & Fagin, Math. Comp. 62 (1994) 305, "right-angle convolution".
struct BlockMatrix {
  static constexpr int max_axes = 6;
  int column_axes = 1;
  std::int64_t column_lengths[max_axes] = {};  ///< their product is `rows`
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t pitch = 1;  ///< values of a part of a row in the work planes; whole registers
  // In the data, in values of T.
  std::int64_t row_step = 1;
  std::int64_t imaginary_step = 0;  ///< real data: from x[j] to x[j + m]
};

/// Factors, (real, imaginary) pairs, of which the inverse takes conjugates; null = 1.
template <typename R>
struct BlockFactors {
  const R* rows = nullptr;     ///< [rows], before the first transform
  const R* columns = nullptr;  ///< [columns], before the last
  const R* matrix = nullptr;   ///< [row groups][columns][real, imaginary][lanes], before the last
  R scale = 1;                 ///< of the inverse
};

/// The steps of a block's transform, compiled for one instruction set. Each does a range of
/// independent pieces, so that several threads can share a step.
///
/// `planes` holds [rows][real, imaginary][pitch]; a spectrum [row groups][columns][real,
/// imaginary][lanes], where a group is as many rows as a register has lanes. All are aligned to 64
/// bytes but the data.
template <typename T>
class TransformStages {
 public:
  using R = Real<T>;
  virtual ~TransformStages() = default;
  [[nodiscard]] virtual std::int64_t lane_count() const = 0;
  /// Values of R that a thread needs as scratch memory.
  [[nodiscard]] virtual std::int64_t scratch_values() const = 0;

  // Along a column axis: pieces are registers of columns, for each index of the other slow axes.
  virtual void first_axis(const T* data, R* planes, std::int64_t begin, std::int64_t end,
                          R* scratch) const = 0;
  virtual void middle_axis(int axis, bool forward, R* planes, std::int64_t begin, std::int64_t end,
                           R* scratch) const = 0;
  virtual void first_axis_back(const R* planes, T* data, std::int64_t begin, std::int64_t end,
                               R* scratch) const = 0;
  // Along the rows: pieces are groups of rows.
  virtual void rows(const R* planes, R* spectrum, std::int64_t begin, std::int64_t end,
                    R* scratch) const = 0;
  virtual void rows_back(const R* spectrum, R* planes, std::int64_t begin, std::int64_t end,
                         R* scratch) const = 0;
  /// There, times `filter`, and back.
  virtual void rows_filtered(const R* filter, R* planes, std::int64_t begin, std::int64_t end,
                             R* scratch) const = 0;
  /// sums = a b, or a conj(b), added to what is there if `add`; for groups begin to end - 1.
  virtual void products(R* sums, const R* a, const R* b, bool conjugate, bool add,
                        std::int64_t begin, std::int64_t end) const = 0;
};

}  // namespace faltung::fft
