#pragma once

#include <string>
#include <type_traits>

#include "cpp/core/integer_digits.hpp"
#include "cuda/fft/fft_policy.hpp"
#include "cuda/primitives/divisor.hpp"

/// Loads that cuFFT makes itself: a function of ours, linked into its transforms, gives it the
/// points of blocks, so that these are neither written nor read. What load_kernel finds once for a
/// row or a block is worked out before, since the function is called for single points in an order
/// that nobody promises. Plain C++, so that tests walk it without a GPU.
namespace faltung::cuda::fft {

/// An axis of the tensor. A position of the extended axis within [0, extent) is an element's;
/// beyond an end it shows element `shift + factor * position`, or nothing.
struct alignas(16) FusedAxis {
  static constexpr std::int32_t nothing = 2;  ///< as a factor
  std::int32_t stride = 0;                    ///< of the tensor, in elements
  std::int32_t extent = 1;
  std::int32_t sign = 1;  ///< -1 where positions run against points, as those of taps do
  std::int32_t below_shift = 0, below_factor = nothing;
  std::int32_t above_shift = 0, above_factor = nothing;
  std::int32_t padding = 0;

  /// The element that a position shows, or -1.
  [[nodiscard]] FALTUNG_HOST_DEVICE constexpr std::int32_t element(std::int32_t position) const {
    if (position >= 0 && position < extent) return position;
    const std::int32_t factor = position < 0 ? below_factor : above_factor;
    if (factor == nothing) return -1;
    return (position < 0 ? below_shift : above_shift) + factor * position;
  }
};

/// What all points of one call of cuFFT have in common. It lies where cuFFT's input is said to be,
/// and behind it a FusedBlock for each array.
struct alignas(16) FusedLoad {
  const unsigned char* from = nullptr;  ///< the tensor
  unsigned* marks = nullptr;            ///< as those of MoveArguments
  unsigned* any = nullptr;
  std::uint32_t mark_words = 0;
  DType type = DType::f32;
  bool conjugate = false;
  Divisor points, columns, rows;  ///< of a block, of its rows, of its planes
  std::uint32_t padding[3] = {};
  faltung::fft::Digit digit;
  FusedAxis axis[max_rank];
};

/// An array: along an axis point i stands at position `first + sign * i` and is 0 outside
/// [low, window). The last axis comes first, since most blocks have no other.
struct alignas(16) FusedBlock {
  std::int64_t base = 0;  ///< of the element at position 0 of all axes
  struct Line {
    std::int32_t first = 0, low = 0, window = 0;
  } line[max_rank];  ///< the last axis first
  std::int32_t padding = 0;
};
static_assert(sizeof(FusedLoad) % 16 == 0 && std::is_trivially_copyable_v<FusedLoad>);
static_assert(sizeof(FusedBlock) == 48 && std::is_trivially_copyable_v<FusedBlock>);

/// Why an operand cannot be loaded so; empty if it can. That depends on the problem alone.
[[nodiscard]] std::string fused_refusal(const Geometry& g, Operand operand);

/// The axes of an operand that can.
void set_fused_axes(const Geometry& g, Operand operand, FusedLoad& load);

/// Bytes of the descriptions of so many arrays.
[[nodiscard]] FALTUNG_HOST_DEVICE constexpr std::size_t fused_bytes(std::int64_t arrays) {
  return sizeof(FusedLoad) + static_cast<std::size_t>(arrays) * sizeof(FusedBlock);
}

}  // namespace faltung::cuda::fft
