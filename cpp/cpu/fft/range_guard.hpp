#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "cpp/core/fft_blocks.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/certainty.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

/// Upper bound of the 2-norm of real numbers from the sum of their squares, which rows were formed
/// of by Transform::squares. Nothing where squares left the range of the type.
template <typename R>
[[nodiscard]] std::optional<double> norm_of_squares(double squares, double count);

/// Upper bound of the 2-norm of `count` numbers, but for a rounding; infinite if one is not finite.
template <typename T>
[[nodiscard]] double norm_of(const Transform<T>& transform, const T* values, std::int64_t count);

/// Outputs as accurate as their own products, out of transforms, which err by the norm of a block.
///
/// Each output of a block errs by at most E, the block's bound. What may it err by? G M, where M is
/// the sum of its products' magnitudes and G 2^10 times what a direct sum is allowed. Since
/// M >= |y| >= |computed| - E, most outputs tell by themselves that E <= G M: those of at least
/// E (1 + 1 / G). For the others some products are looked at: as soon as they reach E / G, all is
/// well. What stays is taken from the definition, summed in double. Windows of zeros are zeros.
///
/// Results depend on the data and the problem alone. Forward problems; the data are finite, or
/// their sums are marked (NonFinite).
template <typename T>
class RangeGuard {
 public:
  using Sum = Wide<T>;  ///< in which the definition is summed

  /// The magnitudes of some taps side by side, and which are the largest.
  struct Taps {
    Real<T> magnitudes[8];
    std::int64_t strongest[CertainSums<Real<T>>::taps];
  };
  /// What is to be known of one channel's filters.
  struct Filter {
    double norm;  ///< of its finite taps
    std::int64_t channel;
    Extents row;              ///< of taps: the largest one is in it
    std::int64_t tap, count;  ///< some taps around that
    Taps taps;                ///< these
  };
  /// The operands of a run.
  struct Run {
    const void* x;
    const void* w;
    const Filter* filters;
    const Transform<T>& transform;
    std::atomic<std::int64_t>& recomputed;
  };
  /// A block of one group of channels, transformed.
  struct Block {
    double norm;  ///< of its data; infinite if numbers left the type's range on their way
    bool marked;  ///< NaN is what the definition has
  };

  RangeGuard(const Problem& problem, const Sizes& n);

  /// G, the constant of the elementwise bound.
  [[nodiscard]] double allowed() const { return allowed_; }

  /// Looks at the filters of all output channels.
  void look(const Transform<T>& transform, const void* w, Filter* filters) const;

  /// Makes `count` sums right, `step` apart, of outputs of channel k from index `first` on along
  /// `axis`.
  ///
  /// @param memory  a number for each position that they look at along the axis
  void settle(const Run& run, std::int64_t b, std::int64_t k, const Extents& first,
              std::size_t axis, const Block& block, T* sums, std::int64_t step, std::int64_t count,
              std::int32_t* memory) const;

 private:
  /// Where outputs along the last axis meet some taps: Filter::taps, or those of the nearest row
  /// that meets elements.
  struct Row {
    const T* x = nullptr;             ///< for output 0
    std::int64_t begin = 0, end = 0;  ///< outputs for which all of them meet elements
    Taps taps = {};
  };
  /// The first and the last tap along an axis that stand between the ends of x.
  struct Inside {
    std::int64_t first, last;
  };
  [[nodiscard]] Inside inside(const Extents& output, std::size_t a) const;
  /// The row nearest to Filter::row that does; nothing if none does.
  [[nodiscard]] std::optional<Extents> nearest_row(const Filter& filter,
                                                   const Extents& output) const;
  [[nodiscard]] Taps taps_of(const void* w, std::int64_t k, const Filter& filter,
                             const Extents& row) const;
  [[nodiscard]] Row row(const Run& run, std::int64_t b, std::int64_t k, const Extents& first,
                        std::size_t axis) const;
  [[nodiscard]] bool is_certain(const Filter& filter, const Row& row, std::int64_t i,
                                double enough) const;
  /// Whether that is so for all outputs in a range that are doubtful, many at a time.
  [[nodiscard]] bool are_certain(const Filter& filter, const Row& row, const T* sums,
                                 std::int64_t begin, std::int64_t end, Real<T> least,
                                 double enough) const;
  /// Whether some products reach it of taps that meet elements, wherever the output is.
  [[nodiscard]] bool reaches(const Run& run, std::int64_t b, std::int64_t k, const Extents& output,
                             double enough) const;
  [[nodiscard]] bool is_doubtful(T sum, Real<T> least) const;
  [[nodiscard]] std::optional<Sum> sum(const Run& run, std::int64_t b, std::int64_t k,
                                       const Extents& output, double enough) const;
  void count_data(const Run& run, std::int64_t b, std::int64_t k, const Extents& first,
                  std::int64_t positions, std::int32_t* to) const;
  [[nodiscard]] std::int64_t tap_offset(std::int64_t k, std::int64_t c, const Extents& row,
                                        std::int64_t tap) const;

  Problem p_;
  TensorStrides x_, w_;
  ExtendedInput<T> input_;
  LoadRow<T> load_w_;
  Axis last_;
  std::int64_t inputs_, outputs_;  // of a group
  double block_error_, smallest_, allowed_;
  bool plain_;  // x can be read where it lies
  AreCertain<Real<T>> are_certain_ = fft::are_certain<Real<T>>();
};

}  // namespace faltung::fft
