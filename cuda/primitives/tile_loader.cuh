#pragma once

#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/async_copy.cuh"
#include "cuda/primitives/cells.cuh"
#include "cuda/primitives/definition.cuh"

/// Windows of one slice of the extended input on their way into shared memory: where boundaries are
/// resolved. What lands is whole after copy_async_wait and a barrier.
namespace faltung::cuda {

/// Rows of neighbours, from position (z, y, x) of the extended axes on. Slices and rows are counted
/// in `Row`; int takes fewer registers.
template <typename T, typename Row = int>
struct TileSource {
  Global<const T> image;     ///< element 0
  const AxisGeometry* axis;  ///< three of them
  Row z, y;
  int x;
  int row_y = 1;          ///< from one row to the next; 0: rows are pieces of one row,
  int row_x = 0;          ///< so many columns apart
  bool aligned = false;   ///< whole vectors of it are, in every row
  bool interior = false;  ///< all columns of all rows that are kept are elements
  int kept_rows = 0;      ///< of Zeros::trimmed
  int kept_count = 0;

  /// Of row 0, column 0, in elements from `image`.
  __device__ __forceinline__ std::int64_t offset() const {
    return z * axis[0].x_stride + y * axis[1].x_stride + x;
  }
  /// Whether so many columns of so many rows are elements.
  __device__ __forceinline__ bool holds(int rows, int columns) const {
    return y >= 0 && y + (rows - 1) * row_y < axis[1].input && x >= 0 &&
           x + (rows - 1) * row_x + columns <= axis[2].input;
  }
};

/// A constant of the boundary as an element of the input.
template <typename T>
__device__ __forceinline__ T element_of(const Side& side) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return from_float<T>(static_cast<float>(side.real));
  } else {
    return constant_of<T>(side);
  }
}

/// Whether none of `columns` columns from x on, not all of them inside, stands for anything.
__device__ __forceinline__ bool meets_nothing(const AxisGeometry* axis, std::int64_t y, int x,
                                              int columns) {
  const AxisGeometry& ay = axis[1];
  const AxisGeometry& ax = axis[2];
  if (y < 0 || y >= ay.input) {
    if ((y < 0 ? ay.below : ay.above).kind == BoundaryKind::zero) return true;
    if (ax.input == 0 || (y < 0 ? ay.below : ay.above).kind == BoundaryKind::constant) return false;
  }
  return (x + columns <= 0 && ax.below.kind == BoundaryKind::zero) ||
         (x >= ax.input && ax.above.kind == BoundaryKind::zero);
}

/// `columns` neighbours from (z, y, x) on through the boundary map. Elements of 4 bytes and more
/// arrive asynchronously.
///
/// @param slice_inside  z is known to be a slice of the input
template <int columns, bool slice_inside, typename T>
__device__ __forceinline__ void map_elements(Global<const T> image, const AxisGeometry* axis,
                                             std::int64_t z, std::int64_t y, int x, Shared<T> to) {
  const Place slice = slice_inside ? Place{Stands::element, nullptr, z * axis[0].x_stride}
                                   : place_along(axis[0], Place{}, z);
  const Place line = place_along(axis[1], slice, y);
  const AxisGeometry& ax = axis[2];
  [[maybe_unused]] const bool elements = line.what == Stands::element && ax.input_dilation == 1;
  if constexpr (sizeof(T) >= 4) {
    if (elements && x >= 0 && x + columns <= ax.input) {  // rows begin anywhere
      const Global<const T> from = image + (line.offset + x);
      if (is_aligned(from, columns * sizeof(T))) {
        copy_async<columns * sizeof(T)>(to, from);
        return;
      }
#pragma unroll
      for (int v = 0; v < columns; ++v) copy_async<sizeof(T)>(to + v, from + v);
      return;
    }
  }
#pragma unroll 1
  for (int v = 0; v < columns; ++v) {
    const Place place = place_along(ax, line, x + v);
    const bool element = place.what == Stands::element;
    if (place.what == Stands::constant) {
      to[v] = element_of<T>(*place.side);
    } else if constexpr (sizeof(T) >= 4) {
      copy_async<sizeof(T)>(to + v, image + (element ? place.offset : 0), element ? sizeof(T) : 0);
    } else {
      to[v] = element ? image[place.offset] : T{};
    }
  }
}

/// Where the code of map_elements stands: out of line, so that a kernel keeps its registers; or in
/// it, for kernels that call no function else and keep more without, of slices of the input alone.
enum class Mapping : std::uint8_t { called, inlined };

template <int columns, typename T>
__device__ __noinline__ void call_map_elements(Global<const T> image, const AxisGeometry* axis,
                                               std::int64_t z, std::int64_t y, int x,
                                               Shared<T> to) {
  map_elements<columns, false>(image, axis, z, y, x, to);
}

/// How vectors arrive in whose place nothing stands: like others beyond the image; or as fast as
/// elements, for tiles that seldom lie within; trimmed: so do those from `kept_rows` and
/// `kept_count` on, which nobody needs but as zeros.
enum class Zeros : std::uint8_t { mapped, copied, trimmed };

/// Whether nothing stands beyond the ends of an axis.
__device__ __forceinline__ bool is_zero_beyond(const AxisGeometry& axis) {
  return axis.below.kind == BoundaryKind::zero && axis.above.kind == BoundaryKind::zero;
}

/// Whether every vector of rows of vectors is elements or nothing at all.
template <int columns, typename T, typename Row>
__device__ __forceinline__ bool is_whole_or_nothing(const TileSource<T, Row>& s) {
  const AxisGeometry& ay = s.axis[1];
  const AxisGeometry& ax = s.axis[2];
  return is_zero_beyond(ay) && is_zero_beyond(ax) &&
         ((s.x | s.row_x | static_cast<int>(ax.input)) & (columns - 1)) == 0;
}

/// load_tile where no vector takes the boundary map: addresses are found once and stepped.
template <int columns, Zeros zeros, typename T, typename Row, typename To>
__device__ __forceinline__ void load_vectors(const TileSource<T, Row>& s, int rows, int count,
                                             int thread, int threads, const To& to) {
  const std::int64_t row_stride = s.row_y * s.axis[1].x_stride + s.row_x;
  Cells at(thread, threads, count);
  Global<const T> from = s.image + s.offset() + (at.row * row_stride + columns * at.column);
  const std::int64_t step = at.rows_on() * row_stride + columns * at.columns_on();
  const std::int64_t wrap = row_stride - columns * count;
  const auto rows_inside = static_cast<unsigned>(s.axis[1].input);
  const auto columns_inside = static_cast<unsigned>(s.axis[2].input);
#pragma unroll 1
  while (at.row < rows) {
    if constexpr (zeros == Zeros::mapped) {
      copy_async<16>(to(at.row, at.column), from);
    } else {  // a copy of no bytes arrives as zeros
      const auto y = static_cast<unsigned>(s.y + at.row * s.row_y);
      const auto x = static_cast<unsigned>(s.x + at.row * s.row_x + columns * at.column);
      const bool kept =
          zeros == Zeros::copied || (at.row < s.kept_rows && at.column < s.kept_count);
      const bool inside = kept && y < rows_inside && x < columns_inside;
      copy_async<16>(to(at.row, at.column), inside ? from : s.image, inside ? 16 : 0);
    }
    from = from + step;
    if (at.next()) from = from + wrap;
  }
}

/// Starts to load `rows` rows of `count` times `columns` neighbours, which lie at to(row, number);
/// `thread` is one of `threads`. `columns` make a vector of 16 bytes, or are 1.
///
/// @tparam stepped  whether tiles without boundary map have a loop of their own, of half the
///                  instructions or less; not where the kernel has no registers left for it
template <int columns, Mapping mapping, Zeros zeros, bool stepped = true, typename T, typename Row,
          typename To>
__device__ __forceinline__ void load_tile(const TileSource<T, Row>& s, int rows, int count,
                                          int thread, int threads, const To& to) {
  static_assert(columns == 1 || columns * sizeof(T) == 16);
  const AxisGeometry& az = s.axis[0];
  const AxisGeometry& ay = s.axis[1];
  const AxisGeometry& ax = s.axis[2];
  const bool slice_inside = mapping == Mapping::inlined || (s.z >= 0 && s.z < az.input);
  const bool plain = slice_inside && ay.input_dilation == 1 && ax.input_dilation == 1;
  const bool whole = s.aligned && plain;
  if constexpr (stepped && columns > 1) {
    if (whole && (s.interior || (zeros != Zeros::mapped && is_whole_or_nothing<columns>(s)))) {
      return load_vectors<columns, zeros>(s, rows, count, thread, threads, to);
    }
  }
  const std::int64_t row_stride = s.row_y * ay.x_stride + s.row_x;
  const Global<const T> corner = s.image + s.offset();
#pragma unroll 1
  for (Cells at(thread, threads, count); at.row < rows; at.next()) {
    const int row = at.row, number = at.column;
    const Row y = s.y + row * s.row_y;
    const int x = s.x + row * s.row_x + columns * number;
    const bool kept = zeros != Zeros::trimmed || (row < s.kept_rows && number < s.kept_count);
    const bool inside = y >= 0 && y < ay.input && x >= 0 && x + columns <= ax.input;
    // A product, not a step: stepped addresses stay in registers, which kernels have none left of.
    const Global<const T> from = corner + (row * row_stride + columns * number);
    const bool copied = kept && (s.interior || inside);
    const bool nothing = !kept || (zeros != Zeros::mapped && plain && !copied &&
                                   meets_nothing(s.axis, y, x, columns));
    if (!(copied && whole) && !nothing) {
      if constexpr (mapping == Mapping::called) {
        call_map_elements<columns, T>(s.image, s.axis, s.z, y, x, to(row, number));
      } else {
        map_elements<columns, true, T>(s.image, s.axis, s.z, y, x, to(row, number));
      }
    } else if constexpr (columns > 1) {  // a copy of no bytes arrives as zeros
      copy_async<16>(to(row, number), nothing ? s.image : from, nothing ? 0 : 16);
    } else if constexpr (sizeof(T) >= 4) {
      copy_async<sizeof(T)>(to(row, number), from);
    } else {
      to(row, number)[0] = T(from[0]);
    }
  }
}

}  // namespace faltung::cuda
