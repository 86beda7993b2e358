#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "cuda/depthwise/band_policy.hpp"
#include "cuda/depthwise/depthwise_lowering.hpp"
#include "cuda/depthwise/depthwise_policy.hpp"
#include "cuda/depthwise/gradient_kernel.cuh"
#include "cuda/depthwise/window_policy.hpp"
#include "tests/support/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {
namespace {

TEST(DepthwiseDivision, IsThatOfTheLanguage) {
  constexpr std::int64_t large = std::int64_t{1} << 32;
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{1}, std::int64_t{7}, large - 1, large,
                               large + 5, large * 1000003}) {
    for (const std::int64_t d : {std::int64_t{1}, std::int64_t{3}, large - 1, large, large + 1}) {
      EXPECT_EQ(divide(n, d).whole, n / d) << n << ' ' << d;
      EXPECT_EQ(divide(n, d).rest, n % d) << n << ' ' << d;
    }
  }
}

// Results are numbered as they lie in compact memory, so every one of them comes once.
TEST(DepthwiseOutputs, AreNumberedInTheOrderOfMemory) {
  for (std::int64_t code = 0; code < 3 * 3 * 3 * 3 * 3; ++code) {
    const std::int64_t z = 1 + code % 3, y = 1 + code / 3 % 3, x = 1 + code / 9 % 3;
    const std::int64_t batch = 1 + code / 27 % 3, channels = 1 + code / 81;
    for (const bool channels_last : {false, true}) {
      const Geometry g = small_geometry(z, y, x, batch, channels, channels_last);
      for (std::int64_t number = 0; number < batch * channels * x * y * z; ++number) {
        const Output at = output_at(g, number);
        std::int64_t index = at.b * g.y_batch + at.k * g.y_channel;
        for (int i = 0; i < max_rank; ++i) {
          ASSERT_LT(at.o[i], g.axis[i].output);
          index += at.o[i] * g.axis[i].y_stride;
        }
        ASSERT_LT(at.k, channels);
        ASSERT_EQ(index, number);
      }
    }
  }
}

// Every product of a filter gradient belongs to exactly one block.
TEST(DepthwiseGradient, SharesEveryProductOnce) {
  for (const std::int64_t channels : {1, 3, 40}) {
    for (const std::int64_t taps : {1, 7, 8, 9}) {
      for (const std::int64_t x : {1, 5, 3000}) {
        for (const bool channels_last : {false, true}) {
          Geometry g = small_geometry(1, 1, x, 2, channels, channels_last);
          g.axis[2].filter = taps;
          const GradientCut cut = gradient_cut(g, divide_up(taps, gradient_taps));
          std::map<std::vector<std::int64_t>, std::int64_t> positions;  // by channel and tap
          std::set<std::vector<std::int64_t>> partials;
          for (std::int64_t i = 0; i < gradient_shares(g, cut); ++i) {
            const GradientShare share = gradient_share(g, cut, i);
            ASSERT_LE(share.last, 2 * x);
            ASSERT_LT(share.piece, cut.chunks);
            for (int c = 0; c < cut.block_channels && share.channel + c < channels; ++c) {
              for (int j = 0; j < share.count; ++j) {
                positions[{share.channel + c, share.tap + j}] += share.last - share.first;
                EXPECT_TRUE(
                    partials.insert({share.piece, share.channel + c, share.tap + j}).second);
              }
            }
          }
          EXPECT_EQ(static_cast<std::int64_t>(positions.size()), channels * taps);
          for (const auto& [key, count] : positions) EXPECT_EQ(count, 2 * x);
          EXPECT_EQ(static_cast<std::int64_t>(partials.size()), channels * taps * cut.chunks);
        }
      }
    }
  }
}

// The lowered form sums the terms of the definition: both are walked for every output and tap.
TEST(DepthwiseLowering, MeetsTheElementsOfTheFormula) {
  for (const char* line : {
           "op=fwd dtype=f32 n=2 c=3 in=5x4 k=6 f=2x3 pad=1:0x2:1 stride=2x1 dil=1x2 g=3",
           "op=fwd dtype=f16 n=1 c=2 in=3x4x5 k=2 f=2x2x3 pad=1 g=2 flip=1 layout=nhwc",
           "op=fwd dtype=f64 n=1 c=1 in=7 k=1 f=3 pad=1 idil=2 g=1",
       }) {
    const Problem p = Problem::parse(line);
    ASSERT_EQ(refusal(p), "") << line;
    const Geometry g = lower(p);
    EXPECT_EQ(g.group_inputs, 1);
    EXPECT_EQ(g.group_outputs, p.out_channels / p.groups);
    for (std::size_t i = 0; i < p.rank(); ++i) {
      const AxisGeometry& axis = g.axis[max_rank - p.rank() + i];
      EXPECT_EQ(axis.output, p.axes[i].output());
      EXPECT_EQ(axis.pad_lo, p.axes[i].pad_lo);
      EXPECT_EQ(axis.w_stride < 0, p.flip);
    }
    for (std::int64_t k = 0; k < g.channels; ++k) EXPECT_EQ(g.first_input(k), k / g.group_outputs);
  }
  const Geometry g =
      lower(Problem::parse("op=dgrad dtype=f32 n=2 c=3 in=7x8 k=6 f=3x2 pad=1x0 stride=2 g=3"));
  EXPECT_EQ(g.channels, 3);
  EXPECT_EQ(g.group_inputs, 2);
  EXPECT_EQ(g.first_input(2), 4);
  EXPECT_EQ(g.axis[2].input_dilation, 2);
  EXPECT_EQ(g.axis[1].pad_lo, 1);
  EXPECT_EQ(g.axis[2].pad_lo, 1);
  EXPECT_EQ(g.w_origin, 5) << "the last tap comes first";
}

TEST(DepthwiseLowering, SaysWhatItCannot) {
  const auto refused = [](const char* line, const char* part) {
    const std::string reason = refusal(Problem::parse(line));
    EXPECT_NE(reason.find(part), std::string::npos) << line << ": " << reason;
  };
  refused("op=fwd dtype=f32 n=1 c=4 in=8 k=4 f=3 g=2", "groups g=2, in_channels c=4");
  refused("op=fwd dtype=f32 n=1 c=2 in=2x2x2x2 k=2 f=1 g=2", "has 4 spatial axes");
  refused("op=fwd dtype=u8:f32:u8 n=1 c=2 in=8 k=2 f=3 g=2", "not u8:f32:u8");
  refused("op=fwd dtype=c64 n=1 c=2 in=8 k=2 f=3 g=2", "f16, bf16, f32, f64");
  refused("op=fwd dtype=f32 n=1 c=2 in=8 k=2 f=3 g=2 acc=f64", "sums f32 in f32");
  refused("op=dgrad dtype=f32 n=1 c=2 in=8 k=2 f=3 g=2 pad=1 boundary=wrap", "wrap along axis 0");
}

// Whatever the filter and its pad, 8 outputs meet their taps within the window, and outputs begin
// at an even column of a piece of x that begins at a multiple of 8.
TEST(DepthwiseBand, HoldsEveryTapOfEightOutputs) {
  int refused = 0;
  for (std::int64_t size = 1; size <= 140; ++size) {
    for (std::int64_t pad = -20; pad <= size + 20; ++pad) {
      const bool folded = size % 2 == 0 || size > 45;
      const BandWindow window = band_window(size, pad, folded);
      if (window.steps == 0) {
        EXPECT_GE(size, folded ? 137 : 41) << pad;
        ++refused;
        continue;
      }
      EXPECT_EQ(window.offset % 2, 0);
      BandTiling t;
      t.offset = window.offset;
      for (int n = 0; n < 8; ++n) {
        std::vector<int> met(static_cast<std::size_t>(size));
        for (int k = 0; k < 16 * window.steps; ++k) {
          const int index = k - n + 7;
          ASSERT_GE(index, 0);
          ASSERT_LT(index, band_length(window.steps));
          const std::int64_t s = band_tap(t, pad, k, n);
          ASSERT_EQ(s, band_tap(t, pad, index, 7)) << "where the tap is kept";
          if (s >= 0 && s < size) ++met[static_cast<std::size_t>(s)];
        }
        for (const int count : met) ASSERT_EQ(count, 1) << size << ' ' << pad;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

// A single row: its strips are pieces of it, one after the other.
TEST(DepthwiseBand, FoldedTilesCoverARowOnce) {
  for (const std::int64_t width : {1, 8, 9, 127, 128, 129, 1000, 2048, 2049, 5000}) {
    for (const std::int64_t filter : {1, 4, 16, 31, 128, 137}) {
      Geometry g = small_geometry(1, 1, width, 2, 3, false);
      g.axis[2].filter = filter;
      g.axis[2].pad_lo = filter - 1;
      const BandTiling t = band_tiling(g);
      ASSERT_TRUE(t.folded);
      std::map<std::vector<std::int64_t>, int> seen;
      for (std::int64_t number = 0; number < t.tiles; ++number) {
        const PlaneTile at = plane_tile(g, t, number);
        EXPECT_EQ(at.y, 0);
        for (int row = 0; row < t.rows; ++row) {
          for (int column = 0; column < t.cols; ++column) {
            const std::int64_t x = at.x + row * t.cols + column;
            if (x < width) ++seen[{at.k, at.b, x}];
          }
        }
      }
      EXPECT_EQ(static_cast<std::int64_t>(seen.size()), 6 * width);
      for (const auto& [index, count] : seen) ASSERT_EQ(count, 1);
      EXPECT_EQ(t.strip, 1);
      EXPECT_LE(8 * t.column_tiles + t.stage - t.before, t.pitch);
      EXPECT_GE(8 * t.column_tiles - t.before, t.cols);
    }
  }
}

// Tiles cover every output once; strips cover a tile; pieces and staged results stay in its memory,
// where no two places are the same.
TEST(DepthwiseBand, TilesCoverEveryOutputOnce) {
  for (const std::int64_t height : {2, 15, 16, 17, 33, 64, 65, 130}) {
    for (const std::int64_t width : {1, 7, 8, 30, 56, 121, 128, 129, 300}) {
      for (const std::int64_t filter : {1, 3, 7, 9, 31}) {
        Geometry g = small_geometry(1, height, width, 2, 2, false);
        g.axis[1].filter = g.axis[2].filter = filter;
        g.axis[1].pad_lo = g.axis[2].pad_lo = filter / 2;
        const BandTiling t = band_tiling(g);
        std::map<std::vector<std::int64_t>, int> seen;
        for (std::int64_t number = 0; number < t.tiles; ++number) {
          const PlaneTile at = plane_tile(g, t, number);
          ASSERT_EQ(at.x % 8, 0);
          for (std::int64_t y = at.y; y < std::min<std::int64_t>(at.y + t.rows, height); ++y) {
            ++seen[{at.k, at.b, at.z, y, at.x}];  // the row's first column
          }
        }
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()), 4 * height * divide_up(width, t.cols));
        for (const auto& [index, count] : seen) ASSERT_EQ(count, 1);
        EXPECT_LE(t.rows, t.strips * t.strip);
        EXPECT_LE(t.strips, 16);
        EXPECT_GE(8 * t.column_tiles - t.before, t.cols) << "column tiles reach the last output";
        EXPECT_LE(t.column_tiles, band_columns * t.group_warps);
        EXPECT_LE(t.cols + t.stage, t.pitch) << "staged columns";
        EXPECT_LE(8 * t.column_tiles + t.stage - t.before, t.pitch);
        EXPECT_EQ((t.left + t.offset + t.before), 0);
        std::set<int> places;
        for (int row = 0; row < t.smem_rows; ++row) {
          for (int column = 0; column < t.pitch; ++column) {
            const int place = band_place(t, row, column);
            ASSERT_LT(place, t.tile_size);
            ASSERT_TRUE(places.insert(place).second);
          }
        }
        std::set<int> banks;  // of 16 bytes: 8 strips are read together
        for (int m = 0; m < 8; ++m) banks.insert(band_place(t, m * t.strip, 0) / 8 % 8);
        EXPECT_EQ(banks.size(), 8u);
      }
    }
  }
}

// Tiles and runs cover every output once; what a thread reads lies in its slot's memory, and eight
// neighbouring threads read different banks.
TEST(DepthwiseWindow, TilesCoverEveryOutputOnce) {
  for (const std::int64_t height : {1, 4, 28, 56, 130}) {
    for (const std::int64_t width : {1, 3, 28, 56, 65, 200}) {
      for (const int size : {3, 5, 7, 33}) {
        const bool volume = size == 33;
        const int filter = volume ? 3 : size;
        Geometry g = small_geometry(volume ? 40 : 1, height, width, 2, 2, false);
        g.axis[0].filter = volume ? 3 : 1;
        g.axis[1].filter = g.axis[2].filter = filter;
        for (const int bytes : {4, 8}) {
          const WindowTiling t = window_tiling(g, bytes);
          const int columns = 16 / bytes;
          const int rows = window_rows(volume ? 3 : 1, filter, bytes);
          ASSERT_LE(t.threads(), window_threads);
          ASSERT_EQ(t.rows, t.threads_y * rows);
          std::map<std::vector<std::int64_t>, std::int64_t> seen;
          for (std::int64_t number = 0; number < t.tiles; ++number) {
            const PlaneTile at = plane_tile(g, t, number);
            ASSERT_EQ(at.x % columns, 0);
            const std::int64_t deep =
                volume ? std::min(t.run, static_cast<int>(40 - at.z * t.run)) : 1;
            ASSERT_GT(deep, 0);
            seen[{at.k, at.b}] += deep * std::min<std::int64_t>(t.rows, height - at.y) *
                                  std::min<std::int64_t>(t.cols, width - at.x);
          }
          EXPECT_EQ(seen.size(), 4u);
          for (const auto& [image, outputs] : seen) {
            EXPECT_EQ(outputs, g.axis[0].output * height * width);
          }
          const auto place = [&](int y, int x, int row, int vector) {
            return columns * (y * (rows * t.pieces + t.skew) + x + row * t.pieces +
                              row / rows * t.skew + vector);
          };
          const int vectors = window_vectors(filter, columns);
          EXPECT_LE(
              place(t.threads_y - 1, t.threads_x - 1, rows + filter - 2, vectors - 1) + columns,
              t.tile_size);
          // Threads are numbered along rows; the slots go on where the one before stopped.
          for (int first = 0; first + 8 <= t.threads(); first += 8) {
            std::set<int> banks;
            for (int i = first; i < first + 8; ++i) {
              const int slot = i / (t.threads_x * t.threads_y);
              const int thread = i % (t.threads_x * t.threads_y);
              banks.insert(
                  (slot * t.tile_size + place(thread / t.threads_x, thread % t.threads_x, 0, 0)) /
                  columns % 8);
            }
            ASSERT_EQ(banks.size(), 8u);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace faltung::cuda::depthwise
