#pragma once

#include <cstdint>
#include <type_traits>

#include "cpp/core/integer_digits.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/block_places.hpp"
#include "cpp/cpu/fft/sum_guard.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::fft {

/// Moves single channels of x, w and y between the tensors and blocks. Loads fill the boxes of
/// BlockPlaces and leave the rest of a block of several axes alone; stores look at no more.
///
/// @tparam T    of the data in the transforms
/// @tparam Sum  of the finished sums: T, or uint64_t for integers, which are recovered by rounding
template <typename T, typename Sum>
class Channels : public BlockPlaces {
 public:
  /// Memory of one thread that is free between two calls.
  struct Scratch {
    T* row;                   ///< of taps
    Sum* sums;                ///< of finished sums
    T* image;                 ///< compact, where x is folded
    std::uint64_t* integers;  ///< of a row of which a digit is wanted
  };

  Channels(const Problem& problem, const BlockPlan& plan);

  [[nodiscard]] std::int64_t scratch_bytes() const {
    return static_cast<std::int64_t>(layout_.bytes());
  }
  /// @param memory  scratch_bytes(), aligned to 256
  [[nodiscard]] Scratch scratch(std::byte* memory) const;

  /// The block's data where x lies, if it stands there as a block does; else null.
  const T* find_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block) const;
  /// The block's data, of which each value's `digit` is taken.
  void load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block, T* to,
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
  /// @param guard   makes floating sums right that become integers; null without. Those of
  ///                gradients are settled by the accuracy alone
  template <typename Value>
  void store_y(const RunArguments& arguments, std::int64_t b, std::int64_t k, std::int64_t block,
               const Value* from, const Scratch& scratch, const SumGuard* guard = nullptr) const;
  template <typename Value>
  void store_w(const RunArguments& arguments, std::int64_t k, std::int64_t c, const Value* from,
               const Scratch& scratch, const SumGuard* guard = nullptr) const;
  /// Upper bound of the 2-norm of what a box holds; infinite if that is not finite.
  [[nodiscard]] double norm(const Transform<T>& transform, const Box& box, const T* data) const;
  /// Calls f(first, axis, row, step, count) for every row of outputs of a block, the first of which
  /// has the index `first` in the original problem, and which goes on along `axis` there.
  template <typename F>
  void for_each_output_row(std::int64_t block, T* data, F&& f) const {
    const Place where = place(block);
    const Shape rows = slow_shape([&](std::size_t t) { return where.outputs[t]; });
    for_each_index(rows, [&](std::int64_t, const Extents& slow) {
      f(original_output(where, slow), static_cast<std::size_t>(plan_.order[plan_.order.size() - 1]),
        data + row_start(output_places(slow)) + output_place(slow_axes(), 0), last_.stride,
        where.outputs.back());
    });
  }
  // Of x all blocks of a channel are added up, in order, and then stored.
  void clear_x(const Scratch& scratch) const;
  void fold_x(std::int64_t block, const T* from, const Scratch& scratch) const;
  template <typename Value>
  void store_x(const RunArguments& arguments, std::int64_t b, std::int64_t c, Value* image,
               const Scratch& scratch, const SumGuard* guard = nullptr) const;

 private:
  void clear(const Box& box, T* data) const;
  template <typename Value>
  void store_row(const RunArguments& arguments, std::int64_t channel, const Value* values,
                 std::int64_t values_step, std::int64_t count, std::int64_t first,
                 std::int64_t step, const Scratch& scratch) const;

  void load_row_digit(LoadRow<std::uint64_t> load, const void* data, std::int64_t offset,
                      std::int64_t step, std::int64_t count, T* to, std::int64_t to_step,
                      const Scratch& scratch, const Digit& digit) const;
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
