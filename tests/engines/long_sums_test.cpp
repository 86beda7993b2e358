// Long sums are formed in blocks: the error follows the length of a block and the number of blocks,
// not the length of the sum.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"

namespace faltung::test {
namespace {

constexpr double terms = 73'728;  // 8,192 channels of 3x3 taps

// Each has sums of so many products, and each is a different way's.
constexpr const char* problems[] = {
    "op=fwd dtype=f32 n=1 c=8192 in=4x4 k=32 f=3x3",
    "op=fwd dtype=f32 n=1 c=18 in=65x66 k=32 f=64x64",
    "op=fwd dtype=f32 n=1 c=1 in=73740 k=1 f=73728",
    "op=fwd dtype=f32 n=1 c=1 in=292x258 k=1 f=288x256",
    "op=fwd dtype=f32 n=1 c=1 in=578x512 k=1 f=288x256 dil=2",
    "op=fwd dtype=f32 n=1 c=1 in=9220x10 k=1 f=9216x8",
    "op=fwd dtype=f32 n=1 c=1 in=50x50x34 k=1 f=48x48x32",
    "op=fwd dtype=f32 n=1 c=1 in=73732x3 k=1 f=73728x1",
    "op=fwd dtype=f32 n=1 c=1024 in=10x12 k=3 f=8x9",
    "op=fwd dtype=f32 n=1 c=16 in=293x257 k=16 f=288x256 g=16 layout=nhwc",
    "op=dgrad dtype=f32 n=1 c=8 in=5x5 k=8192 f=3x3 pad=1",
    "op=dgrad dtype=f32 n=1 c=4 in=4x4 k=73728 f=2x2 stride=2",
    "op=wgrad dtype=f32 n=8 c=2 in=98x98 k=16 f=3x3",
    "op=wgrad dtype=f32 n=8 c=2 in=98x98 k=1 f=3x3",
};

// One product of every sum is 1, all others an eighth of a rounding of it at most, which a running
// sum that has met the 1 would never see: it would lose 4,600 roundings. Equal ones would be
// rounded in one direction again and again, where the bound takes it to be either.
Operands one_and_crumbs(const Problem& p) {
  Operands operands = zero_operands(p);
  const auto ones = [](const Extents&) { return 1.0; };
  std::mt19937 random(7);
  std::uniform_real_distribution<double> crumb(0, 0x1p-27);
  const auto crumbs = [&](const Extents& i) {
    bool first = true;
    for (std::size_t a = 0; a < i.size(); ++a) {
      // Of a filter the output channels of the forward pass, of a gradient its channels.
      const std::size_t channel = p.layout == Layout::channels_last ? i.size() - 1 : 1;
      const bool free = p.pass == Pass::forward           ? a == 0
                        : p.pass == Pass::backward_filter ? a == channel
                                                          : a != 0;
      // A data gradient meets each tap elsewhere: the one in the middle, unless taps never meet.
      const bool spreads = p.pass == Pass::backward_data && a > 1 && p.axes[a - 2].stride == 1;
      first = first && (spreads ? i[a] == p.axes[a - 2].filter / 2 : free || i[a] == 0);
    }
    return first ? 1.0 : crumb(random);
  };
  operands.first.fill(ones);
  operands.second.fill(crumbs);
  return operands;
}

TEST(LongSums, AreWithinTheBoundOfBlocks) {
  std::map<std::string, int> runs;
  for (const char* line : problems) {
    const Problem p = Problem::parse(line);
    const Operands operands = one_and_crumbs(p);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    for (const Engine* engine : cpu_device().engines()) {
      if (engine == &reference_engine()) continue;
      for (const WayText& way : engine->ways()) {
        // Without a workspace the blocks are as small as the memory, and there are many.
        if (way.name == "pieces" || way.name == "in_result") continue;
        const Offer offer = engine->offer(p, Device::cpu(), way.name);
        if (!offer) continue;
        const auto task = offer.prepare();
        const ErrorBound bound = task->error_bound();
        // A transform sums in no order.
        if (bound.kind == ErrorBound::Kind::normwise || task->facts().watches_range) continue;
        SCOPED_TRACE(message(engine->name(), '/', way.name, " [", p, ']'));
        EXPECT_LE(bound.constant, sum_error(longest_sum(p), DType::f32) / 2);
        const Array result = run_guarded(cpu_device(), *engine, p, operands, {.way = way.name});
        EXPECT_LE(error_ratio(p, operands, expected, result, bound), 1);
        ++runs[message(engine->name(), '/', way.name)];
      }
    }
  }
  for (const char* way : {"cpu.direct/panels", "cpu.direct/channels", "cpu.direct/stencil",
                          "cpu.direct/depthwise", "cpu.direct/gradient", "cpu.direct/phases",
                          "cpu.direct/rows", "cpu.gemm/columns", "cpu.gemm/filter_gradient"}) {
    EXPECT_GT(runs[way], 0) << way;
  }
}

TEST(LongSums, OneRunningSumWouldFail) {
  float sum = 1;
  for (int i = 1; i < static_cast<int>(terms); ++i) sum += 0x1p-28f;
  const double exact = 1 + (terms - 1) * 0x1p-28;
  const Extents extents{8192, 3, 3};
  const double bound = sum_error(sum_roundings(extents, sum_steps(extents)), DType::f32) * exact;
  EXPECT_GT(exact - static_cast<double>(sum), 10 * bound);
}

// Blocks are pieces of the sum in order: an axis is cut only if all before it are taken one by one.
TEST(SumBlocks, ArePiecesInOrder) {
  for (const Extents& extents :
       {Extents{8192, 3, 3}, Extents{1, 31, 31}, Extents{1, 1, 1023}, Extents{3, 33, 33, 33},
        Extents{257, 1}, Extents{521, 3, 3}, Extents{1, 600, 3}, Extents{5, 4, 2000},
        Extents{64, 7, 7}, Extents{1, 9, 300}}) {
    const Extents steps = sum_steps(extents);
    bool cut = false;
    double block = 1;
    for (std::size_t a = extents.size(); a-- > 0;) {
      EXPECT_GE(steps[a], 1);
      EXPECT_LE(steps[a], extents[a]);
      if (cut) {
        EXPECT_EQ(steps[a], 1) << extents;
      }
      cut = cut || steps[a] < extents[a];
      block *= static_cast<double>(steps[a]);
    }
    EXPECT_LT(block, static_cast<double>(2 * min_block_rows * sum_block)) << extents;
    const bool rows_cut = extents.size() > 2 && steps[extents.size() - 2] > 1 &&
                          steps[extents.size() - 2] < extents[extents.size() - 2];
    if (rows_cut) {
      const std::int64_t left = extents[extents.size() - 2] % steps[extents.size() - 2];
      EXPECT_TRUE(left == 0 || left >= min_block_rows) << extents;
    }
  }
}

TEST(SumBlocks, AreOneForShortSums) {
  for (const Extents& extents : {Extents{1, 3, 3}, Extents{28, 3, 3}, Extents{256, 1, 1},
                                 Extents{1, 256}, Extents{1, 16, 16}, Extents{64}}) {
    EXPECT_EQ(sum_steps(extents), extents);
  }
}

}  // namespace
}  // namespace faltung::test
