#pragma once

#include "cuda/separable/separable_policy.hpp"

namespace faltung::cuda::separable {

/// Slices that compiled kernels keep open sums for.
inline constexpr int depths[] = {5, 9, 17, 33};

/// Outputs of one thread of a slice. The open sums of depth - 1 slices stay in registers: 64 of
/// them, or half as many where results are not stored as they are, which takes registers, too. Less
/// than 2: there is no such kernel.
FALTUNG_HOST_DEVICE constexpr int open_rows(int accumulator_bytes, int depth, bool plain) {
  const int rows = (plain ? 64 : 32) * 4 / accumulator_bytes / (depth - 1);
  return rows < 8 ? rows : 8;
}

/// Blocks that fit a multiprocessor by their registers.
constexpr int resident_tiles(std::size_t accumulator_bytes) {
  return accumulator_bytes == 4 ? 2 : 1;
}

/// The least depth that serves a filter of `slices`, or 0.
constexpr int choose_depth(std::int64_t slices, int accumulator_bytes, bool plain) {
  for (const int depth : depths) {
    if (slices <= depth) return open_rows(accumulator_bytes, depth, plain) >= 2 ? depth : 0;
  }
  return 0;
}

/// A tile is this many columns wide and 4 times the rows of a thread high.
inline constexpr int tile_columns = 64;
inline constexpr int tile_groups = threads / tile_columns;
/// Slices in shared memory: one is summed while two arrive.
inline constexpr int stages = 3;

inline int tile_rows(const Geometry& g, int accumulator_bytes, bool plain) {
  const int depth = choose_depth(g.axis[0].filter, accumulator_bytes, plain);
  return tile_groups * (depth == 0 ? 1 : open_rows(accumulator_bytes, depth, plain));
}

/// Input rows of a slice of a tile; whole groups of 8 lanes.
FALTUNG_HOST_DEVICE constexpr std::int64_t staged_rows(std::int64_t rows, std::int64_t filter) {
  return round_up(rows + filter - 1, 8);
}

/// Shared memory of a block of volume_kernel, or more than there is.
inline std::int64_t volume_shared_bytes(const Geometry& g, int accumulator_bytes, bool plain) {
  const int vector = 16 / accumulator_bytes;
  const std::int64_t ky = g.axis[1].filter, kx = g.axis[2].filter;
  if (std::max(ky, kx) > absurd_shared) return absurd_shared;
  const std::int64_t rows = staged_rows(tile_rows(g, accumulator_bytes, plain), ky);
  const std::int64_t columns = round_up(tile_columns + kx - 1 + vector - 1, vector);
  const std::int64_t values =
      stages * rows * spread_pitch(columns, vector) + rows * spread_pitch(tile_columns, vector) +
      padded_taps(ky, 0, vector) + padded_taps(kx, vector - 1, vector) + depths[3];
  constexpr std::int64_t rest = 1024;  // reductions, alignment
  return values * accumulator_bytes + 4 * (columns + rows) + rest;
}

/// Tiles as deep as keeps all blocks resident at once, if there are enough.
inline VolumeTiling choose_tiles(const Geometry& g, int accumulator_bytes, bool plain,
                                 const GpuLimits& device = {}) {
  const int vector = 16 / accumulator_bytes;
  const AxisGeometry& az = g.axis[0];
  VolumeTiling s;
  s.plain = plain;
  s.cols = tile_columns;
  s.rows = tile_rows(g, accumulator_bytes, plain);
  s.stage_columns =
      static_cast<int>(round_up(tile_columns + g.axis[2].filter - 1 + vector - 1, vector));
  s.stage_pitch = static_cast<int>(spread_pitch(s.stage_columns, vector));
  s.ring_rows = static_cast<int>(staged_rows(s.rows, g.axis[1].filter));
  s.ring_pitch = static_cast<int>(spread_pitch(tile_columns, vector));
  const std::int64_t columns =
      divide_up(g.axis[2].output, s.cols) * divide_up(g.axis[1].output, s.rows) * g.images();
  const std::int64_t by_memory =
      blocks_by_shared(device, volume_shared_bytes(g, accumulator_bytes, plain));
  const std::int64_t resident = std::clamp<std::int64_t>(
      by_memory, 1, resident_tiles(static_cast<std::size_t>(accumulator_bytes)));
  const double slots = device.multiprocessors * static_cast<double>(resident);
  double min = -1;
  constexpr double start_slices = 4;  // of a block's time: factors, first loads
  for (std::int64_t deep = 1; deep <= std::min<std::int64_t>(az.output, 256); ++deep) {
    const std::int64_t slices = divide_up(az.output, deep);
    const double waves = static_cast<double>(columns * deep) / slots;
    const double whole = waves > 2 ? waves : std::ceil(waves);
    const double cost = whole * (static_cast<double>(slices + az.filter - 1) + start_slices);
    if (min >= 0 && cost >= min) continue;
    min = cost;
    s.depth = slices;
  }
  count_tiles(g, s);
  return s;
}

}  // namespace faltung::cuda::separable
