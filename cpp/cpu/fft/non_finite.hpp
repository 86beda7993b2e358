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
/// the store. Work memory has 4 bytes for each point of a block.
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

  /// What reaches the outputs of a block from the flagged input channels of a group, whatever the
  /// taps are, for all its output channels: a byte for each point of the block.
  ///
  /// @param flags  of the group's input channels
  void reach_outputs(const void* x, const Flag* flags, std::int64_t b, std::int64_t block,
                     std::int64_t g, std::byte* memory, std::uint8_t* reach) const;
  /// Writes into the outputs of channel k.
  void mark_outputs(const void* x, const Flag* flags, const std::uint8_t* reach,
                    const Filters& filters, std::int64_t b, std::int64_t block, std::int64_t k,
                    std::byte* memory, T* data) const;
  /// What reaches the positions of x from the flagged output channels of a group.
  ///
  /// @param flags  of the group's output channels, `flags_step` apart
  void reach_inputs(const void* dy, const Flag* flags, std::int64_t flags_step, std::int64_t b,
                    std::int64_t block, std::int64_t g, std::byte* memory,
                    std::uint8_t* reach) const;
  /// Writes into the positions of x of channel c of group g, before they are folded.
  void mark_inputs(const void* dy, const Flag* flags, std::int64_t flags_step,
                   const std::uint8_t* reach, const Filters& filters, std::int64_t b,
                   std::int64_t block, std::int64_t g, std::int64_t c, std::byte* memory,
                   T* data) const;
  /// Adds what one block of channel c of x and channel k of dy brings to their taps.
  ///
  /// @param sums  a class for each tap
  void collect_taps(const void* x, const void* dy, std::int64_t b, std::int64_t block,
                    std::int64_t k, std::int64_t c, std::byte* memory, SumClass* sums) const;
  /// Writes into the taps of a filter.
  void mark_taps(const SumClass* sums, T* data) const;

  /// Sets what is not finite within a box to 0; false if there is nothing.
  bool clear(const Box& box, T* data) const;
  /// Of what an inverse transform gave for a box one number tells whether all are finite.
  [[nodiscard]] bool is_finite(const Box& box, const T* data) const;

 private:
  /// Values that are looked at together.
  static constexpr std::int64_t piece = 256;

  [[nodiscard]] ClassSums sums(std::int64_t block) const;
  [[nodiscard]] ClassSums::Arrays arrays(std::byte* memory) const;
  /// What the sums of one channel of the result, y or x, are made of: `count` pairs of a channel of
  /// data and a filter. data_flag(i) and tap_flag(i) are those of pair i, load_data(i, to) and
  /// load_taps(i, to) write its codes.
  template <typename Pairs>
  void mark(ClassSums::Operand result, std::int64_t block, const std::uint8_t* reach,
            const Pairs& pairs, std::byte* memory, T* data) const;
  /// @param marks  leaves places without code where nothing stands; only taps that are not finite
  ///               tell them from zeros
  void load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block, bool marks,
              Code* to) const;
  void load_y(const void* y, std::int64_t b, std::int64_t k, std::int64_t block, Code* to) const;
  void load_w(const void* w, std::int64_t k, std::int64_t c, Code* to) const;

  ExtendedInput<T> input_;
  LoadRow<T> load_w_, load_y_;
};

}  // namespace faltung::fft
