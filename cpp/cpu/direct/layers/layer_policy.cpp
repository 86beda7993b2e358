#include "cpp/cpu/direct/layers/layer_policy.hpp"

#include <algorithm>
#include <limits>

#include "cpp/core/machine.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/layers/panel_bands.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

// Products of an output, input channels times taps. Any number of some hundred is as fast; with
// more, the weights of a tile, 8 channels of f32, would leave a first-level cache.
std::int64_t max_products_at_once() { return cpu_machine().l1d_bytes * 5 / 8 / (8 * 4); }
// Of packed values: less than a second-level cache, which holds some of the filter too.
std::int64_t packed_bytes() { return cpu_machine().l2_bytes * 5 / 8; }
constexpr std::int64_t max_outputs = 1024;

// Fewer output channels use the packed values too seldom; ChannelTask reads them from boxes. But
// its vectors, and its copies, end with the rows of outputs. Where rows are short and leave a tenth
// of their vectors empty under a small filter, or one tap makes packing a copy, a tile of channels
// is enough: 3x3 of 256 channels in 32 groups on 4 images of 28x28 takes 1.9 to 2.3 ms of a Zen 4
// core then, not 2.3 to 2.8; 1x1 of 256 to 8 channels on 28x28 0.2 ms, not 0.45. On rows of 56, 3x3
// of 16 to 24 channels would take 0.39 ms, not 0.33; 5x5 of 16 to 16 on 28x28 0.28 ms, not 0.18.
constexpr std::int64_t min_outputs = 32;
constexpr std::int64_t min_outputs_of_short_rows = 8;
constexpr std::int64_t max_taps = 4096;

/// What a run costs with one way to cut it, in cycles; measured on an EPYC 9004.
class Cost {
 public:
  Cost(const Problem& p, const ThreeAxes& t, const PanelTile& tile)
      : t_(t),
        tile_(tile),
        groups_(p.groups),
        images_(p.batch * p.groups),
        inputs_(ceil_divide(p.in_channels / p.groups, tile.merged)),
        rows_(inputs_ * element_count(filter_extents(p))),
        tiles_(ceil_divide(p.out_channels / p.groups, tile.channels)),
        product_cycles_(cpu_machine().product_ns(p.accumulator) / cpu_machine().cycle_ns()) {}

  [[nodiscard]] double of(const Box& box, std::int64_t tiles, int threads) const {
    constexpr double pack_cycles = 1.295;
    const std::int64_t weights = groups_ * rows_ * tiles_ * tile_.channels;
    std::int64_t blocks = images_ * ceil_divide(tiles_, tiles);
    for (std::size_t a = 0; a < 3; ++a) blocks *= ceil_divide(t_.axes[a].output(), box[a]);
    // Threads do not finish together: all but one wait for the last block.
    const double waiting = threads > 1 ? 0.1 : 0;
    return (static_cast<double>(ceil_divide(blocks, threads)) + waiting) * block(box, tiles) +
           static_cast<double>(weights) * pack_cycles / threads;
  }

 private:
  [[nodiscard]] double block(const Box& box, std::int64_t tiles) const {
    constexpr double start_cycles = 11.1;    // to find the stretch of a row
    constexpr double piece_cycles = 11.1;    // to go to it
    constexpr double vector_cycles = 11.1;   // to copy one
    constexpr double weight_cycles = 0.185;  // to bring one nearer
    constexpr double store_cycles = 0.555;
    const std::int64_t outputs = box[0] * box[1] * box[2];
    const auto channels = static_cast<double>(tiles * tile_.channels);
    const double row = static_cast<double>(ceil_divide(outputs, tile_.lanes) * tile_.lanes) *
                           channels * product_cycles_ +
                       channels * weight_cycles;
    const PanelBands bands(t_, box);
    const auto values = static_cast<double>(bands.values(box[bands.axis]));
    const double pieces =
        bands.axis == 2 ? static_cast<double>(bands.count()) : values / static_cast<double>(box[2]);
    const double channel =
        pieces * piece_cycles + values / static_cast<double>(tile_.lanes) * vector_cycles;
    return static_cast<double>(rows_) * row + static_cast<double>(inputs_) * channel +
           pieces * start_cycles + static_cast<double>(outputs) * channels * store_cycles;
  }

  ThreeAxes t_;
  PanelTile tile_;
  std::int64_t groups_, images_, inputs_, rows_, tiles_;
  double product_cycles_;
};

}  // namespace

LayerBlocks::LayerBlocks(const Problem& p, std::int64_t merged) : extents(sum_extents(p)) {
  extents[0] = ceil_divide(extents[0], merged);
  steps = is_integer(p.accumulator) ? extents : sum_steps(extents);
  const std::int64_t taps = element_count(filter_extents(p));
  // An axis that is cut is walked anew for each place along the slower ones.
  std::int64_t walk = taps, step = taps;
  for (std::size_t a = 1; a < steps.size(); ++a) {
    if (steps[a] == extents[a]) continue;
    walk = step = 1;
    for (std::size_t b = a; b < steps.size(); ++b) {
      walk *= extents[b];
      step *= steps[b];
    }
    break;
  }
  for (std::int64_t from = 0; from < taps; from += walk) {
    for (std::int64_t t = step; t < walk; t += step) tap_ends.push_back(from + t);
    tap_ends.push_back(from + walk);
  }
}

PanelTile widest_tile(DType accumulator, std::int64_t merged) {
  return {8, cpu_machine().vector_bytes / static_cast<std::int64_t>(size_of(accumulator)), merged};
}

LayerPolicy choose_panels(const Problem& p, const PanelTile& tile) {
  const ThreeAxes t(p);
  const Cost cost(p, t, tile);
  const std::int64_t inputs = ceil_divide(p.in_channels / p.groups, tile.merged);
  const std::int64_t taps = element_count(filter_extents(p));
  const std::int64_t max_channels = std::max<std::int64_t>(1, max_products_at_once() / taps);
  LayerPolicy best{};
  best.packs = true;
  const std::int64_t block = LayerBlocks(p, tile.merged).steps[0];
  const std::int64_t blocks = ceil_divide(inputs, block);
  const std::int64_t max_blocks = std::max<std::int64_t>(1, max_channels / block);
  const std::int64_t blocks_at_once = ceil_divide(blocks, ceil_divide(blocks, max_blocks));
  const std::int64_t inputs_at_once = std::min(inputs, blocks_at_once * block);
  best.channels = inputs_at_once * tile.merged;
  const auto fits = [&](const Box& box) {
    const PanelBands bands(t, box);
    return bands.values(box[bands.axis]) * inputs_at_once *
               static_cast<std::int64_t>(size_of(p.accumulator)) <=
           packed_bytes();
  };

  const std::int64_t tiles = ceil_divide(p.out_channels / p.groups, tile.channels);
  const double cycle_ns = cpu_machine().cycle_ns();
  double min = 0;
  const auto consider = [&](const Box& box) {
    for (const std::int64_t parts : {1, 2, 3, 4, 6, 8, 12, 16}) {
      if (parts > tiles) break;
      const std::int64_t part = ceil_divide(tiles, parts);
      const double us = 1e-3 * cycle_ns * cost.of(box, part, best.threads);
      if (min > 0 && us >= min) continue;
      best.box = box;
      best.tiles = part;
      min = us;
    }
  };
  const Box all = {t.axes[0].output(), t.axes[1].output(), t.axes[2].output()};
  // Boxes as large as fit, and a few smaller ones: they may share out better, or fill vectors.
  // False if none fits.
  const auto cut = [&](std::int64_t count, std::int64_t values_each, std::int64_t unit, auto box) {
    std::int64_t max = std::min(count, max_outputs / values_each / unit * unit);
    while (max > unit && !fits(box(max))) max -= unit;
    if (max < 1 || !fits(box(max))) return false;
    const std::int64_t fewest = ceil_divide(count, max);
    for (std::int64_t pieces = fewest; pieces <= std::min(count, fewest + 8); ++pieces) {
      const std::int64_t size = ceil_divide(ceil_divide(count, pieces), unit) * unit;
      consider(box(std::min(size, count)));
    }
    return true;
  };
  const auto choose = [&] {
    min = 0;
    const std::int64_t plane = all[1] * all[2];
    const bool rows = all[2] <= max_outputs && cut(all[1], all[2], 1, [&](std::int64_t count) {
                        return Box{1, count, all[2]};
                      });
    // One vector of columns always fits.
    if (!rows) cut(all[2], 1, tile.lanes, [&](std::int64_t columns) { return Box{1, 1, columns}; });
    if (all[0] > 1 && plane <= max_outputs) {
      cut(all[0], plane, 1, [&](std::int64_t planes) { return Box{planes, all[1], all[2]}; });
    }
  };
  best.threads = 1;
  choose();
  best.microseconds = min;
  best.threads = plan_threads(std::numeric_limits<std::int64_t>::max(), best.microseconds);
  if (best.threads > 1) choose();
  return best;
}

bool is_for_panels(const Problem& p, std::int64_t lanes, bool reads_in_place) {
  const std::int64_t outputs = p.out_channels / p.groups;
  if (element_count(filter_extents(p)) > max_taps || outputs < min_outputs_of_short_rows) {
    return false;
  }
  if (outputs >= min_outputs) return true;
  const std::int64_t row = p.axes.back().output();
  const std::int64_t gap = ceil_divide(row, lanes) * lanes - row;
  const bool short_rows = row <= 2 * lanes && 10 * gap >= row;
  const auto at_most = [&](std::int64_t taps) {
    return std::ranges::all_of(p.axes, [&](const Axis& axis) { return axis.filter <= taps; });
  };
  return (at_most(1) || (short_rows && at_most(3))) && reads_in_place;
}

LayerPolicy choose_unpacked(const Problem& p, const PanelTile& tile) {
  constexpr std::int64_t enough_blocks = 8;
  constexpr std::int64_t min_tiles = 4;  // or reading the box again costs too much
  const ThreeAxes t(p);
  const std::int64_t outputs = p.out_channels / p.groups;
  const std::int64_t tiles = ceil_divide(outputs, tile.channels);
  LayerPolicy policy{};
  policy.channels = p.in_channels / p.groups;
  policy.box = choose_box(t, p.batch * p.groups, policy.channels,
                          static_cast<std::int64_t>(size_of(p.accumulator)),
                          longest_sum(p) * static_cast<double>(outputs), 1);
  const std::int64_t boxes = Boxes(t, policy.box, p.batch, p.groups).count();
  const std::int64_t parts = std::clamp<std::int64_t>(ceil_divide(enough_blocks, boxes), 1,
                                                      std::max<std::int64_t>(1, tiles / min_tiles));
  policy.tiles = ceil_divide(tiles, parts);
  policy.microseconds = vector_us(p);
  policy.threads = plan_threads(boxes * ceil_divide(tiles, policy.tiles), policy.microseconds);
  return policy;
}

}  // namespace faltung::direct
