#pragma once

#include <cstdint>
#include <type_traits>

#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/digits.hpp"
#include "cpp/cpu/fft/fft_policy.hpp"
#include "cpp/cpu/fft/sum_guard.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::fft {

/// Moves single channels of x, w and y between the tensors and blocks.
///
/// Along each axis, with R' the reach of the filter, a block holds
///
///     x       from the plan's origin on, at 0, 1, ...
///     tap r   at R'-1 - r dilation
///     y       output o of the tile at R'-1 + o stride - origin
///
/// so that in every pass what a cyclic product wraps around meets nothing that is kept. x and y
/// have BlockPlan::block_count() blocks, w has one. Loads fill the boxes named here and leave the
/// rest of a block of several axes alone; stores look at no more.
///
/// @tparam T    of the data in the transforms
/// @tparam Sum  of the finished sums: T, or uint64_t for integers, which are recovered by rounding
template <typename T, typename Sum>
class Channels {
 public:
  /// Memory of one thread that is free between two calls.
  struct Scratch {
    T* row;                   ///< of taps
    Sum* sums;                ///< of finished sums
    T* image;                 ///< compact, where x is folded
    std::uint64_t* integers;  ///< of a row of which a digit is wanted
  };

  Channels(const Problem& problem, const BlockPlan& plan);

  [[nodiscard]] std::int64_t points() const { return points_; }
  [[nodiscard]] std::int64_t scratch_bytes() const {
    return static_cast<std::int64_t>(layout_.bytes());
  }
  /// @param memory  scratch_bytes(), aligned to 256
  [[nodiscard]] Scratch scratch(std::byte* memory) const;

  [[nodiscard]] Box x_box(std::int64_t block) const;
  [[nodiscard]] Box y_box(std::int64_t block) const;
  [[nodiscard]] Box w_box() const;

  /// The block's data, of which each value's `digit` is taken: in `to`, or where x lies if that is
  /// the same.
  const T* load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block, T* to,
                  const Scratch& scratch, const Digit& digit = {}) const;
  void load_y(const void* y, std::int64_t b, std::int64_t k, std::int64_t block, T* to,
              const Scratch& scratch, const Digit& digit = {}) const;
  void load_w(const void* w, std::int64_t k, std::int64_t c, T* to, const Scratch& scratch,
              const Digit& digit = {}) const;
  /// Adds integers, after rounding and times 2^shift, to totals that lie as they do; writes these
  /// if `first`.
  void add_up(const Box& box, const T* from, int shift, bool first, std::uint64_t* totals) const;
  static void add_up(std::int64_t count, const T* from, int shift, bool first,
                     std::uint64_t* totals);
  /// @tparam Value  T, or uint64_t for totals
  /// @param guard   makes floating sums right that become integers; null without
  template <typename Value>
  void store_y(const RunArguments& arguments, std::int64_t b, std::int64_t k, std::int64_t block,
               const Value* from, const Scratch& scratch, const SumGuard* guard = nullptr) const;
  template <typename Value>
  void store_w(const RunArguments& arguments, std::int64_t k, std::int64_t c, const Value* from,
               const Scratch& scratch) const;
  // Of x all blocks of a channel are added up, in order, and then stored.
  void clear_x(const Scratch& scratch) const;
  void fold_x(std::int64_t block, const T* from, const Scratch& scratch) const;
  [[nodiscard]] std::int64_t image_values() const { return element_count(input_extents(p_)); }
  template <typename Value>
  void store_x(const RunArguments& arguments, std::int64_t b, std::int64_t c, const Value* image,
               const Scratch& scratch) const;

 private:
  /// Where a block stands.
  struct Place {
    Extents skipped;  ///< outputs along the skipped axes
    Extents first;    ///< of the tile's outputs along the others
    Extents outputs;  ///< how many
  };
  [[nodiscard]] Place place(std::int64_t block) const;
  [[nodiscard]] const Axis& axis(std::size_t t) const { return p_.axes[plan_.skipped + t]; }
  [[nodiscard]] std::size_t slow_axes() const { return plan_.lengths.size() - 1; }

  /// What the outputs of a tile look at along an axis, from its origin on.
  [[nodiscard]] std::int64_t window(const Place& at, std::size_t t) const;
  void clear(const Box& box, T* data) const;
  template <typename Extent>
  Shape slow_shape(Extent&& extent) const;  ///< extent(t) of all axes but the last
  [[nodiscard]] std::int64_t row_start(const Extents& places) const;
  [[nodiscard]] std::int64_t output_place(std::size_t t, std::int64_t output) const;
  [[nodiscard]] Extents output_places(const Extents& slow) const;
  [[nodiscard]] Extents tap_places(const Extents& slow) const;
  [[nodiscard]] RowPlace input_row(const Strides& strides, const Place& at,
                                   const Extents& positions) const;
  [[nodiscard]] const T* direct_x(const void* x, std::int64_t offset, std::int64_t first) const;
  template <typename Value>
  void store_row(const RunArguments& arguments, std::int64_t channel, const Value* values,
                 std::int64_t values_step, std::int64_t count, std::int64_t first,
                 std::int64_t step, const Scratch& scratch) const;

  void load_row_digit(LoadRow<std::uint64_t> load, const void* data, std::int64_t offset,
                      std::int64_t step, std::int64_t count, T* to, std::int64_t to_step,
                      const Scratch& scratch, const Digit& digit) const;
  [[nodiscard]] Extents original_output(const Place& at, const Extents& slow) const;

  [[nodiscard]] Strides reordered(const Strides& strides) const;
  [[nodiscard]] std::int64_t output_offset(std::int64_t b, std::int64_t k, const Place& at,
                                           const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_offset(std::int64_t k, std::int64_t c, const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_step() const;

  BlockPlan plan_;
  Problem p_;  // with its axes in the order of plan_
  Axis last_;
  std::int64_t points_;
  TensorStrides x_, w_, y_;
  ExtendedInput<T> input_;
  LoadRow<T> load_w_, load_y_;
  // As integers, whose digits are taken.
  ExtendedInput<std::uint64_t> input_integers_;
  LoadRow<std::uint64_t> load_w_integers_, load_y_integers_;
  ResultRows<Sum> result_;
  WorkspaceLayout layout_;  // of the scratch memory
  Piece<T> row_, image_;
  Piece<Sum> sums_;
  Piece<std::uint64_t> integers_;
};

}  // namespace faltung::fft
