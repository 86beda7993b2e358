#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <faltung/extents.hpp>
#include "cpp/cpu/fft/transform_stages.hpp"
#include "cpp/cpu/simd/instruction_sets.hpp"

namespace faltung::fft {

/// The matrix as which a block is transformed.
///
/// @param lengths  a real block's last one must be even
[[nodiscard]] BlockMatrix block_matrix(const Shape& lengths, bool real, std::int64_t lanes);

/// A part of a block: positions begin[a] to end[a] - 1 along each axis.
struct Box {
  Shape begin, end;
};

/// Fourier transforms of real or complex blocks over all their axes, for convolutions: spectra have
/// an order of their own, and what is wrapped along the last axis of a real block changes sign
/// (BlockMatrix).
///
/// A block [n_0, ..., n_last] is compact and row-major; T is float, double, or a complex of them.
/// Lengths have no prime factor above 5. Immutable; one object serves many threads.
///
/// Of a block of several axes only a box need be there: the rows in its range, from end to end, and
/// there 0 outside it. What has no part in it is not transformed, and results are written where the
/// box asks for them, if not elsewhere too.
template <typename T>
class Transform {
 public:
  using R = Real<T>;
  /// Memory, aligned to 256, for this many threads.
  struct Work {
    std::byte* memory = nullptr;
    int slots = 1;
  };

  explicit Transform(const Shape& lengths, const InstructionSet& set = current_instruction_set());

  /// Values of R in a spectrum.
  [[nodiscard]] std::int64_t spectrum_values() const { return matrix_.slabs() * slab_values_; }
  [[nodiscard]] std::int64_t work_bytes(int slots) const;
  [[nodiscard]] Box whole() const;

  void forward(const T* data, const Box& given, R* spectrum, const Work& work) const;
  /// The inverse, divided by the number of points. Overwrites the spectrum.
  void inverse(R* spectrum, T* data, const Box& wanted, const Work& work) const;
  /// inverse(forward(data) filter), in fewer trips through memory. `result` may be `data`.
  void filter(const T* data, const Box& given, const R* filter, T* result, const Box& wanted,
              const Work& work) const;
  /// sums = a b, or a conj(b), value by value; added to what is there if `add`. Part `part` of
  /// `parts` that can be computed apart.
  void products(R* sums, const R* a, const R* b, bool conjugate, bool add, std::int64_t part = 0,
                std::int64_t parts = 1) const {
    const std::int64_t pairs = spectrum_values() / (2 * lanes_);
    stages_->products(sums, a, b, conjugate, add, part * pairs / parts * 2 * lanes_,
                      (part + 1) * pairs / parts * 2 * lanes_);
  }

  /// One number of a spectrum tells whether all data were finite: whatever is not reaches every
  /// frequency, in one part of it at least, and nothing leaves it. Sums that grow beyond the type
  /// are not finite either.
  [[nodiscard]] bool is_finite(const R* spectrum) const {
    return std::isfinite(spectrum[0]) && std::isfinite(spectrum[imaginary_offset()]);
  }

  /// Sum of squares of numbers, and whether a magnitude leaves a range: TransformStages.
  [[nodiscard]] double squares(const R* values, std::int64_t count) const {
    return stages_->squares(values, count);
  }
  [[nodiscard]] bool leaves(const R* values, std::int64_t count, R least, R most) const {
    return stages_->leaves(values, count, least, most);
  }

  /// Where in a spectrum each number (k_0, ..., k_last) stands, in row-major order: the sum of x[j]
  /// times exp(-2 pi i j k / n) along every axis, but on the last one, of n = 2 m real values,
  /// exp(-2 pi i j (k - 1/4) / m). Its imaginary part follows `imaginary_offset` later.
  [[nodiscard]] std::vector<std::int64_t> places() const;
  /// The same place as a sum of one number for each axis: [axis][k].
  [[nodiscard]] std::vector<std::vector<std::int64_t>> axis_places() const;
  [[nodiscard]] std::int64_t imaginary_offset() const { return lanes_; }

 private:
  using Block = typename TransformStages<T>::Block;
  /// Work, cut up.
  struct Memory {
    R* planes;
    R* groups;  ///< of the slab of each slot, or of the only slab
    R* scratch;
  };

  void make_factors(const Shape& lengths);
  void fill_matrix_factors() const;
  /// Fills what the constructor left, the first time.
  void ready() const;
  [[nodiscard]] MatrixBox matrix_box(const Box& box) const;
  [[nodiscard]] Memory memory(const Work& work, int slot) const;
  template <typename F>
  void for_pieces(std::int64_t pieces, const Work& work, F&& f) const;
  void slow_axes(const Block& block, const Work& work) const;
  void slow_axes_back(const Block& block, const Work& work) const;
  template <typename Rows>
  void slabs(const Block& from, const Block& to, R* spectrum, const Work& work, Rows&& rows) const;

  std::int64_t lanes_;
  Shape lengths_;
  BlockMatrix matrix_;
  std::int64_t groups_, registers_, slab_values_;  // of a slab: rows, columns in registers
  std::vector<Line<R>> column_lines_;
  Line<R> row_line_;
  std::vector<R> row_factors_, column_factors_;
  /// Of a line: one for each value. Those of long lines are filled in the first run, so that a plan
  /// alone touches no memory for them.
  std::unique_ptr<R[]> matrix_factors_;
  bool late_ = false;
  mutable std::once_flag filled_;
  std::unique_ptr<const TransformStages<T>> stages_;
};

}  // namespace faltung::fft
