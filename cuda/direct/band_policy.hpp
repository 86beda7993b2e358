#pragma once

#include <algorithm>

#include "cuda/direct/direct_policy.hpp"

namespace faltung::cuda::direct {

/// How band_kernel is cut. A matrix instruction multiplies 16 patches of the image, 4 columns
/// apart, by a banded matrix of taps that gives the 2 x 4 outputs of each patch: 64 columns of a
/// warp. Two input rows at a time enter `pairs` such products, one for each pair of output rows
/// they meet: as 2 x 8 columns in one instruction of K = 16 if the filter has up to 5 columns
/// (narrow), else as 16 columns in each of two.
///
/// For 128 outputs, with taps as two terms of f16 and 1280 of 2048 products a clock, as mma.sync
/// reaches on Hopper, this is, beside the taps x 128 / 128 clocks that FFMA takes:
///
///     up to 5x5     6 instructions   10 clocks   (25)
///     up to 7x13   16                26          (49 for 7x7)
///     up to 9x13   20                32          (81 for 9x9)
///     up to 11x13  24                38         (121 for 11x11)
inline constexpr int band_patches = 16;
inline constexpr int band_columns = 4;  ///< between patches
inline constexpr int band_warps = 4;
inline constexpr int band_strip = band_warps * band_patches * band_columns;
inline constexpr int band_window = band_strip + 16;  ///< columns in shared memory
/// Of the rows in which sums are staged: lanes write pairs of two rows without conflicts.
inline constexpr int band_pitch = band_strip + 16;

/// Whether two input rows of a patch fit one instruction.
constexpr bool band_narrow(const Geometry& g) {
  return g.axis[2].filter <= 5 && g.axis[1].filter <= 5;
}
/// Pairs of output rows that a pair of input rows meets: 3 if narrow, else 4, 5 or 6.
constexpr int band_pairs(const Geometry& g) {
  return band_narrow(g) ? 3
                        : static_cast<int>(std::max<std::int64_t>(4, (g.axis[1].filter + 2) / 2));
}
/// Pairs of input rows that shared memory holds: a multiple of `pairs`.
FALTUNG_HOST_DEVICE constexpr int band_chunk(int pairs) {
  return pairs == 3 ? 9 : pairs == 4 ? 8 : pairs;
}

/// Blocks that fit a multiprocessor by their registers, most of which hold taps.
constexpr int band_residents(int pairs, std::size_t input_bytes) {
  return pairs == 3 ? 4 : pairs == 6 && input_bytes == 1 ? 2 : 3;
}

/// Columns of zeros before the taps that leave the results of a strip at a multiple of four, or
/// else of two, if its input begins at a multiple of 16 bytes; a row of a patch has room for 5 or
/// 13 taps.
constexpr int band_lead(const Geometry& g) {
  const std::int64_t room = (band_narrow(g) ? 5 : 13) - g.axis[2].filter;
  for (const int whole : {4, 2}) {
    for (int lead = 0; lead < whole && lead <= room; ++lead) {
      if ((g.axis[2].pad_lo + lead) % whole == 0) return lead;
    }
  }
  return 0;
}

/// Columns by which strips begin before a multiple of band_strip, so that the input they meet
/// begins at a multiple of 16 bytes; `pad` with the lead.
FALTUNG_HOST_DEVICE constexpr int band_shift(std::int64_t pad, int input_bytes) {
  const std::int64_t vector = 16 / input_bytes;
  return static_cast<int>((vector - (pad % vector + vector) % vector) % vector);
}

/// Whether band_kernel computes it; the types are for the caller to look at.
constexpr bool can_band(const Geometry& g) {
  const auto plain = [](const AxisGeometry& axis) {
    return axis.stride == 1 && axis.dilation == 1 && axis.input_dilation == 1;
  };
  constexpr std::int64_t limit = std::int64_t{1} << 30;  // columns are counted in 32 bits
  const AxisGeometry& az = g.axis[0];
  const AxisGeometry& ay = g.axis[1];
  const AxisGeometry& ax = g.axis[2];
  return plain(az) && plain(ay) && plain(ax) && az.filter == 1 && az.pad_lo == 0 &&
         az.output <= az.input && g.group_inputs == 1 && ax.x_stride == 1 && ay.filter >= 2 &&
         ay.filter <= 11 && ax.filter >= 2 && ax.filter <= 13 && ax.output >= 32 &&
         ax.y_stride == 1 && ax.input < limit && ax.output < limit;
}

struct BandTiling : TileGrid {
  int lead = 0;  ///< columns of zeros before the taps
};

/// Strips: as high as keeps all multiprocessors busy, at least 64 rows, at most 256.
inline BandTiling band_tiling(const Geometry& g, int input_bytes, const GpuLimits& device = {}) {
  const std::int64_t blocks =
      std::int64_t{device.multiprocessors} * band_residents(band_pairs(g), input_bytes);
  BandTiling t;
  t.cols = band_strip;
  t.lead = band_lead(g);
  const int shift = band_shift(g.axis[2].pad_lo + t.lead, input_bytes);
  const std::int64_t tiles_x = divide_up(g.axis[2].output + shift, band_strip);
  const std::int64_t planes = g.axis[0].output * g.images();
  const std::int64_t strips = std::max<std::int64_t>(1, blocks / (tiles_x * planes));
  const std::int64_t rows = divide_up(divide_up(g.axis[1].output, strips), 2) * 2;
  t.rows = static_cast<int>(std::clamp<std::int64_t>(rows, 64, 256));
  count_tiles(g, t);
  t.tiles_x = tiles_x;  // they begin before the first output
  t.blocks = t.tiles = t.tiles_x * t.tiles_y * planes;
  return t;
}

/// Terms that a tap is split into: as many matrix instructions as for one.
constexpr int band_terms(DType filter) {
  return filter == DType::f32 || filter == DType::f64 ? 2 : 1;
}

/// Relative error of a sum: two units of the last place for each instruction that adds to it, which
/// cuts off instead of rounding, and the split of the taps.
inline double band_error(const Geometry& g) {
  const double steps = 3.0 * 2 * band_pairs(g);
  return steps * 0x1p-22 + 0x1p-21;
}

}  // namespace faltung::cuda::direct
