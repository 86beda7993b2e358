#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::gemm {

/// The left factor of a product: elements `row` and `column` apart, wherever they lie.
template <typename Acc>
struct Left {
  const Acc* data;
  std::int64_t row, column;
};

/// The right factor, or the sums: rows of whole vectors; of complex numbers in planes, first that
/// of the real parts, then that of the imaginary ones.
template <typename Real>
struct Planes {
  Real* data;
  std::int64_t leading;  ///< values from a row to the next
  std::int64_t plane;    ///< and from a plane to the next
};

/// Products of matrices, sums = a b or sums += a b, by the kernel that sums over channels: its
/// channels are the depth of the product, its output channels the rows of a.
///
/// Every sum runs over the depth in order, in partial sums of at most max_depth products that are
/// added; calls that add begin new ones. A complex product is four real ones, as the formula says:
/// nothing is done to save infinities.
template <typename Acc>
class Product {
 public:
  using Real = decltype(std::abs(Acc{}));

  /// @param columns    of any b, at most
  /// @param conjugate  takes the conjugate of a
  explicit Product(std::int64_t columns, bool conjugate = false);

  /// Memory for matrices of this size, in Real.
  [[nodiscard]] std::int64_t right_size(std::int64_t depth, std::int64_t columns) const;
  [[nodiscard]] std::int64_t sums_size(std::int64_t rows, std::int64_t columns) const;
  /// For `multiply`, in Acc.
  [[nodiscard]] std::int64_t scratch_size() const { return kernel_.channels * max_depth; }

  [[nodiscard]] Planes<Real> right(Real* memory, std::int64_t depth, std::int64_t columns) const;
  [[nodiscard]] Planes<Real> sums(Real* memory, std::int64_t rows, std::int64_t columns) const;
  /// Columns of whole vectors, all of which are multiplied.
  [[nodiscard]] std::int64_t padded(std::int64_t columns) const {
    return ceil_divide(columns, kernel_.lanes) * kernel_.lanes;
  }
  /// A part of a call of `multiply` begins with a multiple of these rows.
  [[nodiscard]] std::int64_t tile_rows() const { return kernel_.channels; }

  void put_row(const Planes<Real>& b, std::int64_t row, const Acc* values,
               std::int64_t count) const;
  /// `together` columns, of which the first is a multiple: values [column step + row].
  void put_columns(const Planes<Real>& b, std::int64_t first, const Acc* values, std::int64_t step,
                   std::int64_t count) const;
  static constexpr std::int64_t together = 8;
  /// A row of sums: where it lies, or in `buffer`.
  [[nodiscard]] const Acc* row(const Planes<Real>& sums, std::int64_t row, std::int64_t count,
                               Acc* buffer) const;

  /// @param adds  to the sums that are there
  void multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth, const Left<Acc>& a,
                const Planes<Real>& b, const Planes<Real>& sums, bool adds, Acc* scratch) const;

  /// Of a, eight rows of which then stay in the first cache, and of a partial sum.
  static constexpr std::int64_t max_depth = sum_block;
  /// What a product passes in a sum of so many products by calls of so many, see sum_error.
  [[nodiscard]] static double roundings(double depth, std::int64_t call);

 private:
  static constexpr std::int64_t parts = is_complex_value<Acc> ? 2 : 1;

  void multiply_tile(std::int64_t columns, std::int64_t depth, const Left<Acc>& a, const Real* b,
                     std::int64_t plane, std::int64_t leading, Real* sums, std::int64_t sums_plane,
                     bool adds) const;

  ChannelShape<Real> kernel_;
  bool conjugate_;
  std::vector<std::int64_t> vectors_;
};

}  // namespace faltung::gemm
