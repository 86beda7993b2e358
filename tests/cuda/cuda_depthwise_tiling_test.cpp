#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "tests/support/depthwise_geometry.hpp"

namespace faltung::cuda::depthwise {
namespace {

// Every tap belongs to one group of one block, whose pieces of x hold what its diagonal meets.
TEST(DepthwiseGradientMma, GroupsHoldEveryTapOnce) {
  for (const std::int64_t rows : {1, 2, 4, 5, 8, 9, 31, 64}) {
    for (const std::int64_t columns : {1, 2, 3, 7, 9, 17, 18, 31, 128, 256}) {
      for (const std::int64_t pad : {-5, 0, 1, 3, 7, 8, 20, 127}) {
        Geometry g = small_geometry(1, 40, 50, 2, 3, false);
        g.axis[1].filter = rows;
        g.axis[2].filter = columns;
        g.axis[2].pad_lo = pad;
        const GradientTiling t = gradient_mma_tiling(g);
        ASSERT_EQ(gradient_mma_warps % t.warp_groups, 0);
        std::map<std::vector<int>, int> seen;
        for (int group = 0; group < t.warp_groups * t.grid_groups; ++group) {
          const GradientTaps taps = gradient_group(g, t, group);
          ASSERT_LE(taps.rows, t.tap_rows);
          ASSERT_LE(8 * (t.pieces - 1 + taps.delta + t.deltas), t.x_pitch);
          for (int r = 0; r < taps.rows; ++r) {
            ASSERT_LT(16 * (t.blocks - 1) + taps.row + r + 15, t.x_rows + 16);
            ASSERT_LT(16 * t.blocks + taps.row + r, t.x_height);
            for (int s = taps.column; s < taps.column + taps.columns; ++s) {
              ++seen[{taps.row + r, s}];
              for (int n = 0; n < 8; ++n) {
                const std::int64_t at = n + s - pad - 8 * (t.first + taps.delta);
                ASSERT_GE(at, 0);
                ASSERT_LT(at, 8 * t.deltas);
                ASSERT_LT(at / 8 + taps.delta + t.pieces - 1, t.x_pieces);
              }
            }
          }
        }
        ASSERT_EQ(static_cast<std::int64_t>(seen.size()), rows * columns) << columns << ' ' << pad;
        for (const auto& [tap, count] : seen) ASSERT_EQ(count, 1);
      }
    }
  }
}

// Every column of dy lies in one tile of one load of one block of every group.
TEST(DepthwiseGradientMma, BlocksShareEveryProductOnce) {
  for (const std::int64_t height : {1, 7, 16, 33, 64, 65, 130}) {
    for (const std::int64_t width : {1, 7, 56, 128, 129, 300, 5000}) {
      for (const std::int64_t batch : {1, 5, 17}) {
        for (const std::int64_t filter : {1, 3, 31}) {
          Geometry g = small_geometry(1, height, width, batch, 2, false);
          g.axis[1].filter = height == 1 ? 1 : filter;
          g.axis[2].filter = filter;
          const GradientTiling t = gradient_mma_tiling(g);
          std::map<std::vector<std::int64_t>, std::int64_t> columns;  // by channel, image and group
          for (std::int64_t i = 0; i < g.channels * t.chunks * t.grid_groups; ++i) {
            const GradientWork work = gradient_work(t, i);
            ASSERT_LT(work.first, work.last);
            for (std::int64_t n = work.first * t.planes;
                 n < std::min(work.last * t.planes, t.tiles); ++n) {
              const PlaneTile at = plane_tile(g, t, n);
              const std::int64_t rows =
                  t.folded ? 1 : std::min<std::int64_t>(t.rows, height - at.y);
              const std::int64_t wide = t.folded ? t.rows * t.cols : t.cols;
              ASSERT_GT(rows, 0);
              ASSERT_TRUE(t.folded || at.y + t.rows >= height || t.rows % 16 == 0);
              ASSERT_TRUE(at.x + t.cols >= width || t.cols % 8 == 0);
              columns[{work.k, at.b, work.group}] += rows * std::min(wide, width - at.x);
            }
          }
          EXPECT_EQ(static_cast<std::int64_t>(columns.size()), 2 * batch * t.grid_groups);
          for (const auto& [image, count] : columns) EXPECT_EQ(count, height * width);
        }
      }
    }
  }
}

// Tiles cover every output of every group of channels once; sub-tiles read within their tile, and
// two that share a wavefront read different banks.
TEST(DepthwiseChannels, TilesCoverEveryOutputOnce) {
  for (const std::int64_t height : {1, 4, 17, 56}) {
    for (const std::int64_t width : {1, 9, 33}) {
      for (const std::int64_t channels : {8, 33, 96, 144}) {
        for (const std::int64_t filter : {1, 3, 4, 7}) {
          for (const std::int64_t stride : {1, 2}) {
            Geometry g = small_geometry(1, height, width, 2, channels, true);
            g.axis[1].filter = g.axis[2].filter = filter;
            g.axis[1].stride = g.axis[2].stride = stride;
            const ChannelsTiling t = channels_tiling(g, 2);
            const int rows = channels_rows(t.size, t.stride);
            ASSERT_GE(t.size, filter);
            ASSERT_EQ(t.rows % rows, 0);
            ASSERT_EQ(t.cols % channels_columns, 0);
            ASSERT_GE(t.groups * t.words * 2, channels);
            ASSERT_LE(2 * 4 * t.tile_size, channels_budget(t.size));
            std::map<std::vector<std::int64_t>, std::int64_t> seen;
            for (std::int64_t number = 0; number < t.tiles; ++number) {
              const PlaneTile at = plane_tile(g, t, number);
              ASSERT_LT(at.y, height);
              ASSERT_LT(at.x, width);
              seen[{at.k, at.b}] += std::min<std::int64_t>(t.rows, height - at.y) *
                                    std::min<std::int64_t>(t.cols, width - at.x);
            }
            EXPECT_EQ(static_cast<std::int64_t>(seen.size()), 2 * t.groups);
            for (const auto& [group, count] : seen) ASSERT_EQ(count, height * width);
            EXPECT_EQ(rows * t.stride * t.pitch % 32, 16);
            EXPECT_EQ(t.pitch % 4, 0);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace faltung::cuda::depthwise
