#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/direct_choice.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/direct/direct_policy.hpp"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/direct/slab_policy.hpp"

namespace faltung::cuda::direct {
namespace {

AxisGeometry axis_of(std::int64_t output, std::int64_t filter, std::int64_t stride = 1,
                     std::int64_t dilation = 1) {
  AxisGeometry axis;
  axis.output = output;
  axis.filter = filter;
  axis.stride = stride;
  axis.dilation = dilation;
  axis.input = (output - 1) * stride + (filter - 1) * dilation + 1;
  return axis;
}

// Every output of every channel and image lies in exactly one tile.
TEST(DirectTiles, CoverEachOutputOnce) {
  for (const std::int64_t width : {1, 2, 7, 128, 129, 300}) {
    for (const std::int64_t height : {1, 3, 33}) {
      for (const int bytes : {4, 8, 16}) {
        Geometry g;
        g.axis[0] = axis_of(2, 1);
        g.axis[1] = axis_of(height, height == 1 ? 1 : 2);
        g.axis[2] = axis_of(width, 3);
        g.axis[0].y_stride = width * height;
        g.channels = 6;
        g.group_outputs = 3;
        g.outer_count = 2;
        g.outer[0] = {2, 5, 2000000};
        g.outer[1] = {3, 1, 600000};
        const ChunkTiling t = choose_tiling(g, bytes);
        std::map<std::vector<std::int64_t>, int> seen;
        for (std::int64_t number = 0; number < t.tiles; ++number) {
          const TileIndex at = tile_index(g, t, number);
          for (int row = 0; row < t.rows; ++row) {
            const std::int64_t y = at.y + (t.folded ? 0 : row);
            const std::int64_t x = at.x + (t.folded ? std::int64_t{row} * t.cols : 0);
            if (y >= height || x >= width) continue;
            ++seen[{at.y_image, at.x_image, at.k, at.z, y, x}];  // the row's first column
          }
        }
        const std::int64_t row_starts = divide_up(width, t.cols);
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()), 6 * 6 * 2 * height * row_starts);
        for (const auto& [index, count] : seen) EXPECT_EQ(count, 1);
      }
    }
  }
}

// Whatever the chunk, an output and a tap meet in the window at the position of the formula.
TEST(DirectWindow, HoldsThePositionsOfTheFormula) {
  for (const std::int64_t stride : {1, 2, 3, 5, 1000}) {
    for (const std::int64_t dilation : {1, 2, 3, 4, 1000}) {
      for (const std::int64_t filter : {1, 2, 3, 8, 31}) {
        for (const std::int64_t chunk : {1, 2, 5, 31}) {
          if (chunk > filter) continue;
          for (const bool folded : {false, true}) {
            Geometry g;
            g.axis[1] = folded ? axis_of(1, 1) : axis_of(40, filter, stride, dilation);
            g.axis[2] = axis_of(70, filter, stride, dilation);
            const ChunkTiling t = make_tiling(g, 4, 4, 2, folded ? 1 : chunk, chunk);
            if (t.window_size == 0) {
              EXPECT_GT(chunk, 1) << "single taps always fit";
              continue;
            }
            const int outputs = folded ? t.rows * t.cols : t.cols;
            for (int o = 0; o < outputs; ++o) {
              for (int r = 0; r < chunk; ++r) {
                const int at =
                    folded ? o / t.cols * t.pitch + o % t.cols * t.output_cols : o * t.output_cols;
                const int value = at + r * t.tap_cols;
                ASSERT_LT(value, t.window_cols);
                ASSERT_EQ(value * t.step_x, o * stride + r * dilation);
              }
            }
            for (int o = 0; o < t.rows && !folded; ++o) {
              for (int r = 0; r < chunk; ++r) {
                const int value = o * t.output_rows + r * t.tap_rows;
                ASSERT_LT(value, t.window_rows);
                ASSERT_EQ(value * t.step_y, o * stride + r * dilation);
              }
            }
          }
        }
      }
    }
  }
}

TEST(DirectWindow, FitsWhateverTheShape) {
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  for (const std::int64_t filter : {std::int64_t{1}, std::int64_t{100}, huge}) {
    for (const std::int64_t step : {std::int64_t{1}, std::int64_t{7}, huge}) {
      for (const int bytes : {4, 8, 16}) {
        Geometry g;
        for (const int axis : {1, 2}) {
          g.axis[axis].output = axis == 1 ? 1000 : huge;
          g.axis[axis].filter = axis == 1 ? std::min<std::int64_t>(filter, 100) : filter;
          g.axis[axis].stride = step;
          g.axis[axis].dilation = step + 1;
        }
        const ChunkTiling t = choose_tiling(g, bytes);
        ASSERT_GT(t.window_size, 0);
        EXPECT_LE((t.window_size + t.taps_size) * bytes, shared_budget);
        EXPECT_GE(t.window_size, t.rows * t.cols) << "the sums are staged there";
        EXPECT_LE(t.threads(), max_threads);
      }
    }
  }
}

// The interior test says yes exactly where every position is an element in its own right.
TEST(DirectPlaces, InteriorMeansEveryPositionIsAnElement) {
  for (std::int64_t n = 1; n <= 5; ++n) {
    for (std::int64_t dilation = 1; dilation <= 2; ++dilation) {
      AxisGeometry axis;
      axis.input = n;
      axis.input_dilation = dilation;
      axis.x_stride = 10;
      for (std::int64_t first = -4; first <= 6; ++first) {
        for (std::int64_t step = 1; step <= 3; ++step) {
          for (std::int64_t count = 1; count <= 4; ++count) {
            bool all = dilation == 1;
            for (std::int64_t i = 0; i < count; ++i) {
              const std::int64_t at = first + i * step;
              all = all && at >= 0 && at < n;
            }
            EXPECT_EQ(is_interior(axis, first, step, count), all);
          }
        }
      }
    }
  }
}

// The slowest axis that is outside decides; between dilated elements only constants stand.
TEST(DirectPlaces, SlowestAxisDecides) {
  const BoundaryKind kinds[] = {BoundaryKind::zero, BoundaryKind::constant, BoundaryKind::wrap};
  for (const BoundaryKind slow : kinds) {
    for (const BoundaryKind fast : kinds) {
      AxisGeometry a, b;
      a.input = b.input = 2;
      a.input_dilation = b.input_dilation = 2;  // positions 0 and 2 of 0..2 are elements
      a.below.kind = a.above.kind = slow;
      b.below.kind = b.above.kind = fast;
      a.x_stride = 100;
      b.x_stride = 1;
      for (std::int64_t i = -3; i <= 5; ++i) {
        for (std::int64_t j = -3; j <= 5; ++j) {
          const Place place = place_along(b, place_along(a, Place{}, i), j);
          const bool a_out = (i < 0 || i > 2) && slow != BoundaryKind::wrap;
          const bool b_out = (j < 0 || j > 2) && fast != BoundaryKind::wrap;
          if (a_out || b_out) {
            const BoundaryKind kind = a_out ? slow : fast;
            ASSERT_EQ(place.what == Stands::constant, kind == BoundaryKind::constant);
            ASSERT_EQ(place.what == Stands::nothing, kind == BoundaryKind::zero);
            continue;
          }
          const std::int64_t row = (i + 6) % 3, col = (j + 6) % 3;
          ASSERT_EQ(place.what == Stands::between, row % 2 != 0 || col % 2 != 0);
          if (place.what == Stands::between) continue;
          ASSERT_EQ(place.offset, row / 2 * 100 + col / 2);
        }
      }
    }
  }
}

// Some numbers of tiles are those of their places, and the last tile holds the last output.
template <typename Tiling>
void expect_numbers(const Problem& p, const Geometry& g, const Tiling& t) {
  std::int64_t width = t.cols, height = t.rows, lead = 0;
  if constexpr (std::is_same_v<Tiling, ChunkTiling>) {
    if (t.folded) width *= t.rows;
    if (t.folded) height = 1;
  }
  if constexpr (std::is_same_v<Tiling, BandTiling>) {
    lead = band_shift(g.axis[2].pad_lo + t.lead, static_cast<int>(size_of(p.input)));
  }
  const auto number_of = [&](const TileIndex& at) {
    const std::int64_t image = at.y_image / std::max<std::int64_t>(1, g.outer[0].y_stride);
    return at.x / width +
           t.tiles_x * (at.y / height +
                        t.tiles_y * (at.z / t.depth + t.tiles_z * (at.k + g.channels * image)));
  };
  ASSERT_GT(t.tiles, 0);
  for (std::int64_t i = 0; i <= 1000; ++i) {
    const std::int64_t number = i < 500 ? i * (t.tiles / 500) : t.tiles - 1 - (i - 500);
    if (number < 0) continue;
    const TileIndex at = tile_index(g, t, number);
    ASSERT_EQ(number_of(at), number);
    ASSERT_LT(at.x - lead, g.axis[2].output);
    ASSERT_LT(at.y, g.axis[1].output);
  }
  const TileIndex last = tile_index(g, t, t.tiles - 1);
  EXPECT_GE(last.x - lead + width, g.axis[2].output);
  EXPECT_GE(last.y + height, g.axis[1].output);
  EXPECT_GE(last.z + t.depth, g.axis[0].output);
  EXPECT_LT(last.z, g.axis[0].output);
  EXPECT_EQ(last.k, g.channels - 1);
}

// Beyond 2^31 elements, tiles and channels: every tile begins where its number says, the last one
// holds the last output, and the grid keeps its limit. (Signed overflow stops this program.)
TEST(DirectTiles, WalkBeyond32BitNumbers) {
  for (const char* line : {
           "op=fwd dtype=f32 n=1 c=1 in=2147487744 k=1 f=3 pad=1",            // fir
           "op=fwd dtype=f64 n=1 c=1 in=9000000000000 k=1 f=64 pad=63",       // fir
           "op=fwd dtype=f32 n=1 c=1 in=80000x80000 k=1 f=3x3 pad=1",         // walk
           "op=fwd dtype=f32 n=70000 c=1 in=4096x4096 k=1 f=7x7 pad=3",       // walk
           "op=fwd dtype=u8:f32:u8 n=3 c=1 in=80000x80000 k=1 f=5x5 pad=2",   // band
           "op=fwd dtype=f16 n=90000 c=64 in=512x512 k=64 f=3x3 pad=1 g=64",  // band
           "op=fwd dtype=f32 n=1 c=1 in=3000x3000x3000 k=1 f=3x3x3 pad=1",    // slab
           "op=fwd dtype=f32 n=1 c=1 in=80001x80001 k=1 f=3x3 bias=1",        // walk, general
           "op=fwd dtype=u16:f32:u16 n=90 c=1 in=80000x8000 k=1 f=5x5",       // walk, general
           "op=fwd dtype=f32 n=1 c=1 in=80000x80000 k=1 f=15x15 pad=7",       // patch
           "op=fwd dtype=u8:f32:u8 n=1 c=1 in=5000000000x3 k=1 f=5x2 stride=2",
           "op=fwd dtype=i32 n=5000000000 c=2 in=7 k=3 f=5 dil=2 pad=4",
       }) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const Geometry g = lower(p);
    const Choice choice = choose(p, g, true);
    EXPECT_GT(choice.us, 0);
    std::visit([&](const auto& t) { expect_numbers(p, g, t); }, choice.tiling);
  }
}

// The same, exhaustively, for every small extent: the numbers of a kernel's tiles are those of
// its outputs, each once.
TEST(DirectTiles, OfEveryKernelCoverSmallExtents) {
  const auto expect_cover = [](const Geometry& g, const TileGrid& t, std::int64_t lead) {
    std::vector<int> seen(static_cast<std::size_t>(g.axis[1].output * g.axis[2].output), 0);
    for (std::int64_t number = 0; number < t.tiles; ++number) {
      const TileIndex at = tile_index(g, t, number);
      for (std::int64_t y = at.y; y < std::min(at.y + t.rows, g.axis[1].output); ++y) {
        for (std::int64_t x = std::max<std::int64_t>(0, at.x - lead);
             x < std::min(at.x - lead + t.cols, g.axis[2].output); ++x) {
          ++seen[static_cast<std::size_t>(y * g.axis[2].output + x)];
        }
      }
    }
    for (const int count : seen) ASSERT_EQ(count, 1);
  };
  for (std::int64_t height = 1; height <= 70; height += height < 4 ? 1 : 11) {
    for (std::int64_t width = 1; width <= 520; width += width < 5 ? 1 : 51) {
      Geometry g;
      g.axis[1] = axis_of(height, 3);
      g.axis[2] = axis_of(width, 3);
      expect_cover(g, walk_tiling(g, false, 4), 0);
      expect_cover(g, band_tiling(g, 2), band_shift(band_lead(g), 2));
      g.axis[2].filter = 9;
      expect_cover(g, patch_tiling(g), 0);
      g.axis[1] = axis_of(height, 1);
      expect_cover(g, fir_tiling(g, 8), 0);
    }
  }
}

// Slabs of every depth and small extent hold each output of each slice once.
TEST(DirectTiles, OfSlabsCoverSmallVolumes) {
  for (std::int64_t depth = 1; depth <= 40; ++depth) {
    for (const std::int64_t height : {1, 15, 16, 17, 33}) {
      for (const std::int64_t width : {1, 127, 128, 129}) {
        Geometry g;
        g.axis[0] = axis_of(depth, 3);
        g.axis[1] = axis_of(height, 3);
        g.axis[2] = axis_of(width, 3);
        SlabTiling t = slab_tiling(g, false);
        for (const std::int64_t high : {std::int64_t{1}, std::int64_t{4}, t.depth}) {
          t.depth = high;
          count_tiles(g, t);
          std::int64_t covered = 0;
          std::set<std::vector<std::int64_t>> firsts;
          for (std::int64_t number = 0; number < t.tiles; ++number) {
            const TileIndex at = tile_index(g, t, number);
            firsts.insert({at.z, at.y, at.x});
            covered += std::min(high, depth - at.z) *
                       std::min<std::int64_t>(t.rows, height - at.y) *
                       std::min<std::int64_t>(t.cols, width - at.x);
          }
          ASSERT_EQ(static_cast<std::int64_t>(firsts.size()), t.tiles);
          ASSERT_EQ(covered, depth * height * width);
        }
      }
    }
  }
}

// What the threads of patch_kernel read lies in the window and holds all that their outputs meet;
// the windows of `same` filters begin at multiples of 16 bytes.
TEST(DirectPatchWindow, HoldsWhatEveryPatchMeets) {
  for (std::int64_t filter = 1; filter <= 20; ++filter) {
    const int width = patch_width(filter);
    EXPECT_EQ(width != 0, filter >= 6 && filter <= 15);
    if (width == 0) continue;
    EXPECT_TRUE(width == filter || width == filter + 1);
    EXPECT_EQ((width / 2 + patch_shift(width)) % 4, 0);
    const int read = 4 * patch_vectors(width);
    for (int column = 0; column < patch_tile_columns; column += patch_columns) {
      EXPECT_LE(column + read, 4 * patch_window(width));
    }
    // The last tap on the last column of a patch.
    EXPECT_LT(patch_shift(width) + patch_columns - 1 + width - 1, read);
    // A warp's quarter reads 4 patches of two lines: all 32 banks.
    std::set<int> banks;
    for (int lane = 0; lane < 8; ++lane) {
      const int at =
          lane / patch_lanes * patch_rows * patch_pitch(width) + lane % patch_lanes * patch_columns;
      for (int v = 0; v < 4; ++v) banks.insert((at + v) % 32);
    }
    EXPECT_EQ(banks.size(), 32u);
  }
}

// Filters that walk_kernel takes have rows and columns it can count, whatever the pads; its vectors
// are aligned only where every row, plane and image begins at a multiple of 16 bytes.
TEST(DirectWalkPolicy, KnowsWhatIsAligned) {
  const auto geometry = [](const std::string& line) { return lower(Problem::parse(line)); };
  const auto aligned = [&](const std::string& line) { return walk_aligned(geometry(line), 4); };
  EXPECT_TRUE(aligned("op=fwd dtype=f32 n=2 c=1 in=33x128 k=1 f=5x5 pad=2"));
  EXPECT_TRUE(aligned("op=fwd dtype=f32 n=2 c=1 in=33x128 k=1 f=5x5 pad=7:0x6:2"));
  EXPECT_FALSE(aligned("op=fwd dtype=f32 n=2 c=1 in=33x128 k=1 f=5x5 pad=2x3:1"));
  EXPECT_FALSE(aligned("op=fwd dtype=f32 n=2 c=1 in=33x130 k=1 f=5x5 pad=2"));
  EXPECT_FALSE(aligned("op=fwd dtype=f32 n=2 c=1 in=33x128 k=1 f=5x5"));  // rows of 124 results
  EXPECT_TRUE(can_walk(geometry("op=fwd dtype=f32 n=1 c=1 in=33x130 k=1 f=5x5 pad=9x40"), 4));
  EXPECT_FALSE(can_walk(geometry("op=fwd dtype=f32 n=1 c=1 in=33x130 k=1 f=5x3 pad=1"), 4));
  EXPECT_FALSE(can_walk(geometry("op=fwd dtype=f64 n=1 c=1 in=33x130 k=1 f=7x7 pad=1"), 8));
  EXPECT_FALSE(
      can_walk(geometry("op=fwd dtype=f32 n=1 c=1 in=33x130 k=1 f=3x3 pad=1x600000000"), 4));
}

TEST(DirectLowering, FoldsBatchAxesAndSaysWhatItCannot) {
  const auto refusal_of = [](const char* text) { return refusal(Problem::parse(text)); };
  EXPECT_EQ(refusal_of("op=fwd dtype=f32 n=1 c=1 in=4x5x3x6 k=2 f=2x3x1x2"), "");
  EXPECT_NE(refusal_of("op=fwd dtype=f32 n=1 c=1 in=4x5x3x6 k=2 f=2x3x2x2").find("has 4 axes"),
            std::string::npos);
  EXPECT_NE(refusal_of("op=wgrad dtype=f32 n=1 c=1 in=8 k=1 f=3").find("not dw"),
            std::string::npos);
  EXPECT_NE(refusal_of("op=dgrad dtype=f32 n=1 c=1 in=8 k=1 f=3 pad=1 boundary=wrap").find("wrap"),
            std::string::npos);
  const Geometry g =
      lower(Problem::parse("op=fwd dtype=f32 n=2 c=1 in=4x5x3x6 k=2 f=2x3x1x2 flip=1"));
  EXPECT_EQ(g.outer_count, 2);
  EXPECT_EQ(g.outer[1].extent, 3);
  EXPECT_EQ(g.outer[1].x_stride, 6);
  EXPECT_EQ(g.w_origin, 11);  // the last tap
  EXPECT_EQ(g.axis[0].w_stride, -6);
}

}  // namespace
}  // namespace faltung::cuda::direct
