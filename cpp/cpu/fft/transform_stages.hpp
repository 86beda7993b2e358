#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "cpp/cpu/fft/line_plan.hpp"

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
///
/// All rows that differ in the last column axis alone are a slab. It is small beside the block, if
/// there are several, and stays in a second cache from its columns to its rows and back.
struct BlockMatrix {
  static constexpr int max_axes = 6;
  int column_axes = 1;
  std::int64_t column_lengths[max_axes] = {};  ///< their product is `rows`
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t pitch = 1;  ///< complex values from one row of the planes to the next
  // In the data, in values of T.
  std::int64_t row_step = 1;
  std::int64_t imaginary_step = 0;  ///< real data: from x[j] to x[j + m]

  [[nodiscard]] std::int64_t slab_rows() const { return column_lengths[column_axes - 1]; }
  [[nodiscard]] std::int64_t slabs() const { return rows / slab_rows(); }
};

/// A part of a block's data: from `begin` to `end` along each column axis, and from `first` to
/// `last` along the rows, in values of T.
struct MatrixBox {
  std::int64_t begin[BlockMatrix::max_axes] = {};
  std::int64_t end[BlockMatrix::max_axes] = {};
  std::int64_t first = 0, last = 0;
};

/// Factors, (real, imaginary) pairs, of which the inverse takes conjugates; null = 1.
template <typename R>
struct BlockFactors {
  const LinePlan<R>* column_plans[BlockMatrix::max_axes] = {};
  const LinePlan<R>* row_plan = nullptr;
  const R* rows = nullptr;     ///< [rows], before the first transform
  const R* columns = nullptr;  ///< [columns], before the last
  const R* matrix = nullptr;   ///< [row groups][columns][real, imaginary][lanes], before the last
  R scale = 1;                 ///< of the inverse
};

/// The steps of a block's transform, compiled for one instruction set. Each does a range of
/// independent pieces, so that several threads can share a step.
///
/// Planes hold the block between its slow axes, [rows][registers of columns][real,
/// imaginary][lanes] with `pitch`. A slab of a spectrum is [row groups][columns][real,
/// imaginary][lanes], where a group is as many rows as a register has lanes. All are aligned to 64
/// bytes but the data.
///
/// Of the data, only what is in a box is read or written: outside it is 0, or not asked for.
template <typename T>
class TransformStages {
 public:
  using R = Real<T>;
  /// Where a step finds data, and what of it.
  struct Block {
    T* data;  ///< which steps forward do not change
    R* planes;
    const MatrixBox* box;
  };
  virtual ~TransformStages() = default;
  /// Values of R that a thread needs as scratch memory.
  [[nodiscard]] virtual std::int64_t scratch_values() const = 0;

  // Along a column axis but the last, from the data or the planes to the planes, and back: pieces
  // are registers of columns, for each index of the other column axes.
  virtual void slow_axis(int axis, const Block& block, std::int64_t begin, std::int64_t end,
                         R* scratch) const = 0;
  virtual void slow_axis_back(int axis, const Block& block, std::int64_t begin, std::int64_t end,
                              R* scratch) const = 0;
  // Along the columns of a slab, from the planes, or the data if there is but one column axis, to
  // the slab, and back: pieces are registers of columns.
  virtual void columns(const Block& block, std::int64_t slab, R* groups, std::int64_t begin,
                       std::int64_t end, R* scratch) const = 0;
  virtual void columns_back(const R* groups, const Block& block, std::int64_t slab,
                            std::int64_t begin, std::int64_t end, R* scratch) const = 0;
  // Along the rows of a slab, in place: pieces are groups of rows.
  virtual void rows(R* groups, std::int64_t begin, std::int64_t end) const = 0;
  virtual void rows_back(R* groups, std::int64_t begin, std::int64_t end) const = 0;
  /// There, times `filter`, and back.
  virtual void rows_filtered(const R* filter, R* groups, std::int64_t begin,
                             std::int64_t end) const = 0;
  /// sums = a b, or a conj(b), added to what is there if `add`; of values begin to end - 1.
  virtual void products(R* sums, const R* a, const R* b, bool conjugate, bool add,
                        std::int64_t begin, std::int64_t end) const = 0;

  /// Sum of the squares of `count` numbers, formed in their type.
  virtual double squares(const R* values, std::int64_t count) const = 0;
  /// Whether a magnitude is not from `least`, which is not negative, to `most`, or a number is NaN.
  virtual bool leaves(const R* values, std::int64_t count, R least, R most) const = 0;
};

}  // namespace faltung::fft
