#pragma once

#include <cstddef>
#include <cstdint>

#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/fft/block_places.hpp"
#include "cpp/cpu/fft/class_sums.hpp"

namespace faltung::fft {

/// NaN and infinity where the definition has them. One number that is not finite leaves nothing
/// finite in a transform. So blocks are transformed with zeros in place of such numbers, and sums
/// that meet one get what its products make of them: NaN, or infinity of either sign.
///
/// Reads the operands' elements, and says of blocks as they are between an inverse transform and
/// the store.
///
/// @tparam T  of the data in the transforms
template <typename T>
class NonFinite : public BlockPlaces {
 public:
  using Flag = std::uint8_t;  ///< not 0: a channel's block, or a filter, has such numbers

  /// The filters of a run, with a flag for each [k, c/g].
  struct Filters {
    const void* w = nullptr;
    const Flag* flags = nullptr;
  };

  NonFinite(const Problem& problem, const BlockPlan& plan);

  /// Bytes of work memory.
  [[nodiscard]] std::int64_t bytes() const { return 4 * points_; }

  /// Writes into the outputs of channel k.
  ///
  /// @param flags  of the input channels of its group
  void mark_outputs(const void* x, const Flag* flags, const Filters& filters, std::int64_t b,
                    std::int64_t block, std::int64_t k, std::byte* memory, T* data) const;
  /// Writes into the positions of x of channel c of group g, before they are folded.
  ///
  /// @param flags  of the output channels of its group, `flags_step` apart
  void mark_inputs(const void* dy, const Flag* flags, std::int64_t flags_step,
                   const Filters& filters, std::int64_t b, std::int64_t block, std::int64_t g,
                   std::int64_t c, std::byte* memory, T* data) const;
  /// Adds what one block of channel c of x and channel k of dy brings to their taps.
  ///
  /// @param sums  a class for each tap
  void collect_taps(const void* x, const void* dy, std::int64_t b, std::int64_t block,
                    std::int64_t k, std::int64_t c, std::byte* memory, SumClass* sums) const;
  /// Writes into the taps of a filter.
  void mark_taps(const SumClass* sums, T* data) const;

  /// Sets what is not finite within a box to 0.
  void clear(const Box& box, T* data) const;
  /// Of what an inverse transform gave for a box one number tells whether all are finite.
  [[nodiscard]] bool is_finite(const Box& box, const T* data) const;

 private:
  /// Values that are looked at together.
  static constexpr std::int64_t piece = 256;

  [[nodiscard]] ClassSums sums(std::int64_t block) const;
  [[nodiscard]] ClassSums::Arrays arrays(std::byte* memory) const;
  void load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block, Code* to) const;
  void load_y(const void* y, std::int64_t b, std::int64_t k, std::int64_t block, Code* to) const;
  void load_w(const void* w, std::int64_t k, std::int64_t c, Code* to) const;

  ExtendedInput<T> input_;
  LoadRow<T> load_w_, load_y_;
};

}  // namespace faltung::fft
