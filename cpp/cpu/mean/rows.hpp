#pragma once

#include <cstdint>
#include <type_traits>

/// Means of windows down the rows of a panel: what every instruction set has of its own.
namespace faltung::mean {

/// Row j of a panel holds element j of lines that lie side by side. A result at j is the mean of
/// the rows from j to j + size - 1, so that `results + size - 1` rows are read.
///
/// Vectors are whole: lanes up to the next multiple of `max_vector_lanes` are read and computed,
/// so a row has that many.
struct Rows {
  std::int64_t results = 0;
  std::int64_t lanes = 0;
  std::int64_t pitch = 0;  ///< elements between rows
  std::int64_t size = 1;   ///< rows in a window
};

inline constexpr std::int64_t max_vector_lanes = 16;

/// Sums of blocks. The rows are cut into blocks of `size`. Every window is the end of one block and
/// the beginning of the next, so it is one suffix sum plus one prefix sum: two additions a result,
/// and nothing that lies outside the window enters.
///
/// Results are  factor (base + the sum over the window of  scale x), formed in f64.
struct BlockSums {
  const double* base = nullptr;  ///< of each lane: what every window has beside its rows
  double scale = 1;
  double factor = 1;
};

/// `to` may be `rows`: a result overwrites only what no other needs any more.
///
/// @param suffixes  for min(size, results) times 4 vectors of f64
template <typename T>
using BlockMeans = void (*)(const Rows& shape, const BlockSums& sums, const T* rows,
                            double* suffixes, T* to, std::int64_t to_pitch);

/// What sums of integers are formed in, exactly: i32 for those of up to 16 bits, f64 for 32.
template <typename T>
using MovingSum = std::conditional_t<sizeof(T) <= 2, std::int32_t, double>;

/// Moving sums of whole numbers: the row that enters the window is added, the one that leaves it is
/// subtracted. Sums and quotients are exact; see `can_move`.
template <typename T>
struct MovingSums {
  const MovingSum<T>* base = nullptr;  ///< as in BlockSums
  std::int32_t divisor = 1;
  double reciprocal = 1;      ///< as in Division
  bool nearest_even = false;  ///< else truncates
};

/// Whether sums of so many elements, and twice their remainder, fit into i32; or into f64, below
/// the limit of quotients by a reciprocal.
template <typename T>
constexpr bool can_move(std::int64_t size) {
  return size < (std::int64_t{1} << ((sizeof(T) <= 2 ? 31 : 51) - 8 * sizeof(T)));
}

/// `to` may be `rows`.
template <typename T>
using MovingMeans = void (*)(const Rows& shape, const MovingSums<T>& sums, const T* rows, T* to,
                             std::int64_t to_pitch);

/// For f32 and f64, the best that the processor has.
template <typename T>
[[nodiscard]] BlockMeans<T> block_means();

/// For integers of up to 32 bits.
template <typename T>
[[nodiscard]] MovingMeans<T> moving_means();

}  // namespace faltung::mean
