#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include <faltung/plan.hpp>

#include "cpp/core/planner.hpp"
#include "cpp/core/streamed/pieces.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/operands.hpp"
#include "tests/support/property_problems.hpp"

// Pieces make up the whole, whatever is cut: problems drawn with every field at random, cut at
// random, computed piece by piece by the definition.
namespace faltung::streamed {
namespace {

using test::Array;

TensorView view_of(Array& array) {
  return {array.bytes().data() + array.origin(), array.dtype(), array.shape(), array.strides(), {}};
}

Tensor gathered(Array& array, const Box& box) {
  Tensor compact(array.dtype(), box.shape);
  gather(view_of(array), box, static_cast<std::byte*>(compact.data()));
  return compact;
}

Array by_pieces(const Problem& problem, const Cut& cut, test::Operands operands) {
  const Pieces made = cut_problem(problem, cut);
  const ConstTensorView bias = view_of(operands.bias);
  for (const Piece& piece : made.pieces) {
    const Problem& part = made.problems[piece.problem];
    part.validate();
    const Plan plan = Plan::make(part, Device::cpu(), {.engine = "cpu.reference"});
    Tensor result = gathered(operands.before, piece.result);
    ConstTensorView bias_part;
    if (part.epilogue.bias) {
      bias_part = bias.slice(
          0, {.start = piece.bias_first, .stop = piece.bias_first + part.result_channels()});
    }
    plan.run(gathered(operands.first, piece.first), gathered(operands.second, piece.second), result,
             {}, bias_part);
    scatter(static_cast<const std::byte*>(result.data()), piece.result, view_of(operands.before));
  }
  return operands.before;
}

class RandomCuts {
 public:
  explicit RandomCuts(std::uint64_t seed) : rng_(seed) {}

  Cut operator()(const Problem& problem) {
    const Cut all = whole(problem);
    const Cut least = finest(problem);
    Cut cut{.batch = between(least.batch, all.batch),
            .groups = between(least.groups, all.groups),
            .out_channels = between(least.out_channels, all.out_channels),
            .in_channels = between(least.in_channels, all.in_channels),
            .rows = between(least.rows, all.rows)};
    if (cut.groups > 1) {
      cut.out_channels = all.out_channels;
      cut.in_channels = all.in_channels;
    }
    return cut;
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::mt19937_64 rng_;
};

// Where no sum is cut every piece is the definition's own sum, so that bits are the same on reals
// too. Sums that are cut are of small integers, exact in every type that they are stored in.
TEST(StreamedPieces, AreTheWhole) {
  test::RandomProblems draw(test::test_seed());
  RandomCuts cuts(test::test_seed());
  int cut_sums = 0;
  int cut_rows = 0;
  for (int i = 0; i < 3000; ++i) {
    const Problem problem = test::tamed(draw());
    if (has_empty_tensor(problem)) continue;
    const Cut cut = cuts(problem);
    const Pieces made = cut_problem(problem, cut);
    bool sums = false;
    for (const Piece& piece : made.pieces) sums = sums || !piece.begins;
    if (sums && problem.epilogue.alpha != 1) continue;
    const test::Fill fill = sums ? test::Fill::small_integers : test::Fill::reals;
    const test::Operands operands = test::filled_operands(problem, fill, test::test_seed() + i);
    const Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
    const Array result = by_pieces(problem, cut, operands);
    ASSERT_TRUE(test::equal_elements(result, expected))
        << problem << "\ncut into " << to_string(cut, problem);
    cut_sums += sums ? 1 : 0;
    cut_rows += cut.rows < whole(problem).rows ? 1 : 0;
  }
  EXPECT_GT(cut_sums, 50);
  EXPECT_GT(cut_rows, 200);
}

Cut rows_of(const char* line, std::int64_t rows) {
  Cut cut = whole(Problem::parse(line));
  cut.rows = rows;
  return cut;
}

// Inner pieces have rows of data on both sides, so no rule but zero is left in them.
TEST(StreamedPieces, HaveTheRuleAtTrueEndsAlone) {
  for (const char* rule : {"zero", "constant(2)", "nearest", "reflect", "mirror", "wrap"}) {
    const std::string line = std::string("op=fwd dtype=f32 in=30 f=5 pad=2 boundary=") + rule;
    const Problem problem = Problem::parse(line);
    const Pieces made = cut_problem(problem, rows_of(line.c_str(), 10));
    ASSERT_EQ(made.pieces.size(), 3u);
    const Problem& inner = made.problems[made.pieces[1].problem];
    EXPECT_EQ(inner, Problem::parse("op=fwd dtype=f32 in=14 f=5")) << rule;
    EXPECT_EQ(made.pieces[1].first.rows, (std::vector<Stretch>{{8, 14, 1}})) << rule;
  }
  const char* wrapped = "op=fwd dtype=f32 in=30 f=5 pad=2 boundary=wrap";
  const Pieces made = cut_problem(Problem::parse(wrapped), rows_of(wrapped, 10));
  EXPECT_EQ(made.pieces[0].first.rows, (std::vector<Stretch>{{28, 2, 1}, {0, 12, 1}}));
  EXPECT_EQ(made.problems.size(), 1u) << "all three are the same problem";
}

TEST(StreamedPieces, SayWhatCannotBeCut) {
  const auto least = [](const char* line) { return finest(Problem::parse(line)); };
  EXPECT_EQ(least("op=fwd dtype=f32 n=3 c=4 k=4 in=9 f=3").in_channels, 1);
  EXPECT_EQ(least("op=fwd dtype=f16 n=3 c=4 k=4 in=9 f=3").in_channels, 4)
      << "sums in f32 are rounded to f16 once";
  EXPECT_EQ(least("op=dgrad dtype=f32 in=9 f=3 pad=1 boundary=wrap").rows, 9);
  EXPECT_EQ(least("op=fwd dtype=f32 in=9 f=3 idil=2 pad=1 boundary=wrap").rows, 17);
  EXPECT_EQ(least("op=wgrad dtype=f16 n=3 in=9 f=3").batch, 3);
  EXPECT_NE(partial_sums_refusal(Problem::parse("op=fwd dtype=f32 c=4 in=9 f=3 act=relu")), "");
}

}  // namespace
}  // namespace faltung::streamed
