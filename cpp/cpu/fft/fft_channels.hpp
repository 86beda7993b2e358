#pragma once

#include <cstdint>
#include <type_traits>

#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/fft_policy.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::fft {

/// Moves single channels of x, w and y between the tensors and the spectra of their blocks.
///
/// In a block x stands from its first needed position on, tap r at -r dilation, and output o at
/// o stride, all modulo the transform's lengths. x and y have a block for every output along the
/// skipped axes, w has one.
///
/// @tparam T    of the data in the transforms
/// @tparam Sum  of the finished sums: T, or uint64_t for integers, which are recovered by rounding
template <typename T, typename Sum>
class Channels {
 public:
  using Z = Spectrum<T>;
  /// Memory that is free between two calls.
  struct Scratch {
    std::byte* transform;
    T* row;     ///< of taps
    Sum* sums;  ///< of finished sums
    T* image;   ///< compact, where x is folded
  };

  explicit Channels(const Problem& problem);

  /// Values of one block's spectrum, and of all blocks of a channel of x or y.
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] std::int64_t channel_size() const { return block_count_ * size_; }
  [[nodiscard]] const Shape& lengths() const { return plan_.lengths; }
  [[nodiscard]] std::int64_t scratch_bytes() const {
    return static_cast<std::int64_t>(layout_.bytes());
  }
  /// @param memory  scratch_bytes(), aligned to 256
  [[nodiscard]] Scratch scratch(std::byte* memory) const;

  // Each fills the blocks of one channel and transforms them.
  void load_x(const void* x, std::int64_t b, std::int64_t c, Z* to, const Scratch& scratch) const;
  void load_w(const void* w, std::int64_t k, std::int64_t c, Z* to, const Scratch& scratch) const;
  void load_y(const void* y, std::int64_t b, std::int64_t k, Z* to, const Scratch& scratch) const;
  // Each transforms back, in place, and stores one channel of the result.
  void store_x(const RunArguments& arguments, std::int64_t b, std::int64_t c, Z* from,
               const Scratch& scratch) const;
  void store_w(const RunArguments& arguments, std::int64_t k, std::int64_t c, Z* from,
               const Scratch& scratch) const;
  void store_y(const RunArguments& arguments, std::int64_t b, std::int64_t k, Z* from,
               const Scratch& scratch) const;

 private:
  template <bool is_forward>
  void transform_channel(Z* blocks, const Scratch& scratch) const;
  void store_row(const RunArguments& arguments, std::int64_t channel, const T* values,
                 std::int64_t values_step, std::int64_t count, std::int64_t first,
                 std::int64_t step, const Scratch& scratch) const;

  // A block is indexed by the outputs `o` of the skipped axes, then by `slow` indices of all other
  // axes but the last, which are positions of x, outputs, or taps.
  template <typename F>
  void for_each_block(const Shape& slow, F&& f) const;  ///< f(first value, o, slow)
  [[nodiscard]] Shape slow_shape(std::int64_t (*extent)(const Axis&)) const;
  [[nodiscard]] std::int64_t row_start(const Extents& places) const;
  [[nodiscard]] std::int64_t tap_place(std::size_t axis, std::int64_t tap) const;
  [[nodiscard]] Extents tap_places(const Extents& slow_taps) const;
  [[nodiscard]] Extents output_places(const Extents& slow_outputs) const;
  [[nodiscard]] RowPlace input_row(const Strides& strides, const Extents& o,
                                   const Extents& positions) const;

  [[nodiscard]] Strides reordered(const Strides& strides) const;
  [[nodiscard]] std::int64_t output_offset(std::int64_t b, std::int64_t k, const Extents& o,
                                           const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_offset(std::int64_t k, std::int64_t c, const Extents& slow) const;
  [[nodiscard]] std::int64_t tap_step() const;

  BlockPlan plan_;
  Problem p_;  // with its axes in the order of plan_
  Axis axis_;  // the last
  TensorStrides x_, w_, y_;
  std::int64_t block_count_;
  Transform<T> transform_;
  std::int64_t size_;
  ExtendedInput<T> input_;
  LoadRow<T> load_w_, load_y_;
  ResultRows<Sum> result_;
  WorkspaceLayout layout_;  // of the scratch memory
  std::size_t transform_at_, row_at_, sums_at_, image_at_;
};

}  // namespace faltung::fft
