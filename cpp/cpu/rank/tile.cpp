#include "cpp/cpu/rank/tile.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/boundary_map.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::rank {
namespace {

// Ordinal numbers and counts are 32-bit.
constexpr std::int64_t max_reached = std::numeric_limits<std::int32_t>::max();

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

// Keys that a row of so many takes in memory.
std::int64_t row_keys(std::int64_t count, std::int64_t spare) {
  return round_up(count, spare) + spare;
}

// Keys that a box reaches, as they lie in memory; no more than one above the most.
std::int64_t reached(const std::vector<TileAxis>& axes, const Extents& box, std::int64_t spare) {
  std::int64_t product = 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].window > max_reached) return max_reached + 1;
    std::int64_t along = box[i] + axes[i].window - 1;
    if (i + 1 == axes.size()) along = row_keys(along, spare);
    if (along > max_reached || product > max_reached / along) return max_reached + 1;
    product *= along;
  }
  return product;
}

// Doubles the extent along which the frame weighs most, as long as the box stays within the wish.
void grow(const std::vector<TileAxis>& axes, const BoxWish& wish, std::int64_t spare,
          Extents& box) {
  for (;;) {
    Extents best;
    double heaviest = 0;
    for (std::size_t i = axes.size(); i-- > 0;) {
      if (box[i] >= axes[i].extent) continue;
      Extents larger = box;
      larger[i] = std::min(2 * box[i], axes[i].extent);
      const double weight = static_cast<double>(axes[i].window) / static_cast<double>(box[i]);
      if (weight > heaviest && reached(axes, larger, spare) <= wish.reach) {
        heaviest = weight;
        best = larger;
      }
    }
    if (heaviest == 0) return;
    box = best;
  }
}

// Where the positions that a tile reaches along one axis lie in x.
std::vector<std::int64_t> indices_along(const TileAxis& axis, std::int64_t first,
                                        std::int64_t count) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    result[static_cast<std::size_t>(i)] =
        extend_index(axis.boundary.kind, first + i - axis.before, axis.extent);
  }
  return result;
}

template <typename T>
void load_run(const T* from, std::int64_t step, std::int64_t count, Key<T>* to) {
  if (step == 1) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = key_of(from[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = key_of(from[i * step]);
  }
}

}  // namespace

Tiling make_tiling(std::vector<TileAxis> axes, const BoxWish& wish, std::int64_t key_bytes) {
  Tiling tiling;
  tiling.axes = std::move(axes);
  const std::size_t rank = tiling.axes.size();
  const std::int64_t spare = spare_bytes / key_bytes;
  tiling.box = Extents::filled(rank, 1);
  if (reached(tiling.axes, tiling.box, spare) > max_reached) {
    Extents window;
    for (const TileAxis& axis : tiling.axes) window.push_back(axis.window);
    throw InvalidProblem(message("a window of ", window, " elements takes more than ", max_reached,
                                 " places, the most that are ranked; use a smaller one"));
  }
  tiling.box[rank - 1] = std::min(wish.row, tiling.axes.back().extent);
  if (reached(tiling.axes, tiling.box, spare) > max_reached) tiling.box[rank - 1] = 1;
  grow(tiling.axes, wish, spare, tiling.box);

  tiling.keys = 1;
  tiling.results = 1;
  tiling.reach = tiling.strides = tiling.result_strides = tiling.box;
  for (std::size_t i = rank; i-- > 0;) {
    const TileAxis& axis = tiling.axes[i];
    tiling.reach[i] = tiling.box[i] + axis.window - 1;
    tiling.strides[i] = tiling.keys;
    tiling.result_strides[i] = tiling.results;
    const bool row = i + 1 == rank;
    tiling.keys *= row ? row_keys(tiling.reach[i], spare) : tiling.reach[i];
    tiling.results *= row ? row_keys(tiling.box[i], spare) : tiling.box[i];
    tiling.tiles *= (axis.extent + tiling.box[i] - 1) / tiling.box[i];
  }
  tiling.keys += spare;
  return tiling;
}

Tile tile_at(const Tiling& tiling, std::int64_t index) {
  Tile tile{tiling.box, tiling.box};
  for (std::size_t i = tiling.axes.size(); i-- > 0;) {
    const std::int64_t count = (tiling.axes[i].extent + tiling.box[i] - 1) / tiling.box[i];
    tile.first[i] = index % count * tiling.box[i];
    tile.extent[i] = std::min(tiling.box[i], tiling.axes[i].extent - tile.first[i]);
    index /= count;
  }
  return tile;
}

Shape rows_of(const Extents& extent) {
  Shape rows = extent;
  if (!rows.empty()) rows[rows.size() - 1] = 1;
  return rows;
}

template <typename T>
void gather(const ConstTensorView& x, const Tiling& tiling, const Tile& tile, Key<T>* keys) {
  const std::size_t last = tiling.axes.size() - 1;
  std::vector<std::vector<std::int64_t>> indices;
  Extents extent;
  for (std::size_t i = 0; i <= last; ++i) {
    extent.push_back(tile.extent[i] + tiling.axes[i].window - 1);
    indices.push_back(indices_along(tiling.axes[i], tile.first[i], extent[i]));
  }
  const TileAxis& along = tiling.axes[last];
  const std::int64_t step = x.strides[last];
  // The part of a row that needs no boundary.
  const std::int64_t begin =
      std::clamp<std::int64_t>(along.before - tile.first[last], 0, extent[last]);
  const std::int64_t end =
      std::clamp<std::int64_t>(along.before - tile.first[last] + along.extent, begin, extent[last]);
  const Key<T> beyond = constant_key<T>(along.boundary);

  for_each_index(rows_of(extent), [&](std::int64_t, const Extents& at) {
    const T* row = static_cast<const T*>(x.data);
    const TileAxis* decides = nullptr;
    for (std::size_t i = 0; i < last; ++i) {
      const std::int64_t index = indices[i][static_cast<std::size_t>(at[i])];
      if (index != outside) {
        row += index * x.strides[i];
      } else if (decides == nullptr || tiling.axes[i].precedence < decides->precedence) {
        decides = &tiling.axes[i];
      }
    }
    Key<T>* const to = keys + offset_of(at, tiling.strides);
    const Key<T> constant = decides == nullptr ? beyond : constant_key<T>(decides->boundary);
    const Key<T> corner =
        decides != nullptr && decides->precedence < along.precedence ? constant : beyond;
    const auto frame = [&](std::int64_t from, std::int64_t past) {
      for (std::int64_t i = from; i < past; ++i) {
        const std::int64_t index = indices[last][static_cast<std::size_t>(i)];
        to[i] = index == outside     ? corner
                : decides != nullptr ? constant
                                     : key_of(row[index * step]);
      }
    };
    frame(0, begin);
    if (decides == nullptr) {
      // Where the row begins in x; not below it, even for a moment.
      const std::int64_t start = begin < end ? indices[last][static_cast<std::size_t>(begin)] : 0;
      load_run(row + start * step, step, end - begin, to + begin);
    } else {
      std::fill(to + begin, to + end, constant);
    }
    frame(end, extent[last]);
  });
}

template <typename T>
void scatter(const Key<T>* results, const Tiling& tiling, const Tile& tile, const TensorView& y) {
  const std::size_t last = tiling.axes.size() - 1;
  const std::int64_t step = y.strides[last];
  for_each_index(rows_of(tile.extent), [&](std::int64_t, const Extents& at) {
    T* to = static_cast<T*>(y.data) + tile.first[last] * step;
    for (std::size_t i = 0; i < last; ++i) to += (tile.first[i] + at[i]) * y.strides[i];
    const Key<T>* from = results + offset_of(at, tiling.result_strides);
    if (step == 1) {
      for (std::int64_t i = 0; i < tile.extent[last]; ++i) to[i] = value_of<T>(from[i]);
    } else {
      for (std::int64_t i = 0; i < tile.extent[last]; ++i) to[i * step] = value_of<T>(from[i]);
    }
  });
}

#define FALTUNG_RANK_TYPE(T)                                                            \
  template void gather<T>(const ConstTensorView&, const Tiling&, const Tile&, Key<T>*); \
  template void scatter<T>(const Key<T>*, const Tiling&, const Tile&, const TensorView&);
FALTUNG_RANK_TYPE(Half)
FALTUNG_RANK_TYPE(BFloat16)
FALTUNG_RANK_TYPE(float)
FALTUNG_RANK_TYPE(double)
FALTUNG_RANK_TYPE(std::int8_t)
FALTUNG_RANK_TYPE(std::uint8_t)
FALTUNG_RANK_TYPE(std::int16_t)
FALTUNG_RANK_TYPE(std::uint16_t)
FALTUNG_RANK_TYPE(std::int32_t)
FALTUNG_RANK_TYPE(std::uint32_t)
FALTUNG_RANK_TYPE(std::int64_t)
FALTUNG_RANK_TYPE(std::uint64_t)
#undef FALTUNG_RANK_TYPE

}  // namespace faltung::rank
