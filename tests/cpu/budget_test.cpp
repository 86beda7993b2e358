// Budgets of workspace: what fits is right, what does not says how much would do, and no larger
// budget makes a plan slower.

#include <gtest/gtest.h>

#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <string_view>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/direct/pieces/piece_task.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"
#include "tests/support/random_problem.hpp"

namespace faltung::test {
namespace {

constexpr int budgets = 32;

TensorView view_of(Array& a) {
  return {a.bytes().data() + a.origin(), a.dtype(), a.shape(), a.strides(), Device::cpu()};
}

Array run(const Plan& plan, Operands operands) {
  Array result = operands.before;
  std::vector<std::byte> memory(plan.workspace_bytes() + memory_alignment, std::byte{0xff});
  void* data = memory.data();
  std::size_t space = memory.size();
  data = std::align(memory_alignment, plan.workspace_bytes(), data, space);
  const bool bias = plan.problem().epilogue.bias;
  const auto lent =
      plan.workspace_bytes() == 0 ? Workspace{} : Workspace{data, plan.workspace_bytes()};
  plan.run(view_of(operands.first), view_of(operands.second), view_of(result), lent,
           bias ? ConstTensorView(view_of(operands.bias)) : ConstTensorView{});
  return result;
}

// The number that the refusal names.
std::size_t least_of(const std::string& refusal) {
  constexpr std::string_view before = "the least workspace that does is ";
  const std::size_t at = refusal.find(before);
  std::size_t least = 0;
  if (at != std::string::npos) {
    std::from_chars(refusal.data() + at + before.size(), refusal.data() + refusal.size(), least);
  }
  EXPECT_GT(least, 0U) << refusal;
  return least;
}

// With any engine, of which the reference always fits, or with the one that is best alone.
void check(const Problem& p, const std::string& engine) {
  SCOPED_TRACE(message(p, " by ", engine));
  const Plan wish = Plan::make(p, Device::cpu(), {.engine = engine});
  const Operands operands = filled_operands(p, Fill::reals, test_seed());
  const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
  double us = std::numeric_limits<double>::infinity();
  std::map<std::string, bool> seen;
  for (int i = 0; i <= budgets; ++i) {
    const std::size_t limit = wish.workspace_bytes() * static_cast<std::size_t>(i) / budgets;
    SCOPED_TRACE(limit);
    try {
      const Plan plan = Plan::make(p, Device::cpu(), {.engine = engine, .workspace_limit = limit});
      EXPECT_LE(plan.workspace_bytes(), limit);
      EXPECT_LE(plan.estimate_us(), 1.1 * us);
      us = std::min(us, plan.estimate_us());
      const std::string how = message(plan.engine(), '/', plan.way(), ' ', plan.workspace_bytes());
      if (!seen.emplace(how, true).second) continue;
      EXPECT_LE(error_ratio(p, operands, expected, run(plan, operands), plan.error_bound()), 1);
    } catch (const NoEngine& error) {
      EXPECT_TRUE(std::isinf(us)) << "a smaller budget did";
      const std::size_t least = least_of(error.what());
      EXPECT_GT(least, limit);
      const Plan plan = Plan::make(p, Device::cpu(), {.engine = engine, .workspace_limit = least});
      EXPECT_EQ(plan.workspace_bytes(), least);
    }
  }
}

// Runs PieceTask on pieces of at most so many elements.
class PieceEngine final : public Engine {
 public:
  explicit PieceEngine(std::size_t most) : most_(most) {}
  std::string_view name() const override { return "pieces"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return {}; }

 private:
  Offer answer(const Problem& problem, const Device&, std::string_view) const override {
    Offer offer;
    offer.prepare = [p = direct::lowered(problem), most = most_] {
      return visit_accumulator(p.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
        return std::make_unique<direct::PieceTask<decltype(zero)>>(p, most);
      });
    };
    return offer;
  }
  std::size_t most_;
};

bool is_empty(const Problem& p) {
  return element_count(p.x_shape()) == 0 || element_count(p.w_shape()) == 0 ||
         element_count(p.y_shape()) == 0;
}

TEST(Budgets, PiecesOfAnySizeAreRight) {
  set_threads(3);
  RandomProblems draw(test_seed());
  for (int i = 0; i < 1500; ++i) {
    const Problem p = draw();
    if (is_empty(p)) continue;
    const std::size_t most[] = {1, 3, 10, 40, 200};
    // Single products are slow, and many of them.
    const PieceEngine pieces(most[p.multiply_adds() > 2e4 ? 3 + i % 2 : i % 5]);
    SCOPED_TRACE(p);
    const auto task = pieces.offer(p, Device::cpu()).prepare();
    EXPECT_EQ(task->workspace_bytes(), 0u);
    const Operands operands = filled_operands(p, Fill::reals, test_seed() + i);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    const Array result = run_guarded(cpu_device(), pieces, p, operands);
    ASSERT_LE(error_ratio(p, operands, expected, result, task->error_bound()), 1);
  }
  set_threads(0);
}

// Gradients with a stride, and problems with input dilation, phase by phase.
TEST(Budgets, PhasesInPiecesAreRight) {
  set_threads(3);
  RandomProblems draw(test_seed());
  int phases = 0;
  for (int i = 0; i < 4000; ++i) {
    const Problem p = draw();
    if (is_empty(p) || p.multiply_adds() > 1e5) continue;
    const Engine& engine = direct_engine();
    const Offer offer = engine.offer(p, Device::cpu(), "pieces");
    if (!offer) continue;
    const auto task = offer.prepare();
    if (task->policy().find(" phases; ") == std::string::npos) continue;
    ++phases;
    SCOPED_TRACE(p);
    EXPECT_EQ(task->workspace_bytes(), 0U);
    const Operands operands = filled_operands(p, Fill::reals, test_seed() + i);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    const Array result = run_guarded(cpu_device(), engine, p, operands, {.way = "pieces"});
    ASSERT_LE(error_ratio(p, operands, expected, result, task->error_bound()), 1);
  }
  EXPECT_GT(phases, 20);
  set_threads(0);
}

TEST(Budgets, NothingServesEveryProblem) {
  set_threads(3);
  int cut = 0;
  for (const char* file : {"smoke.txt", "basic.txt", "regression.txt", "depthwise.txt"}) {
    for (const std::string& line : problem_lines(message("tests/problems/", file))) {
      const Problem p = Problem::parse(line);
      if (is_empty(p) || p.multiply_adds() > 1e7) continue;
      SCOPED_TRACE(p);
      const auto make = [&] {
        return Plan::make(p, Device::cpu(), {.engine = "cpu.direct", .workspace_limit = 0});
      };
      // The blocks of sums in pieces are as small as the memory.
      if (needs_order(p)) {
        EXPECT_THROW(make(), NoEngine);
        continue;
      }
      const Plan plan = make();
      EXPECT_EQ(plan.workspace_bytes(), 0u);
      if (plan.way() != "pieces" && plan.way() != "in_result") continue;
      ++cut;
      const Operands operands = filled_operands(p, Fill::reals, test_seed());
      const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
      EXPECT_LE(error_ratio(p, operands, expected, run(plan, operands), plan.error_bound()), 1);
    }
  }
  EXPECT_GT(cut, 100);
  set_threads(0);
}

TEST(Budgets, AreKeptOrRefusedWithWhatWouldDo) {
  set_threads(3);
  for (const char* file : {"smoke.txt", "basic.txt"}) {
    for (const std::string& line : problem_lines(message("tests/problems/", file))) {
      const Problem p = Problem::parse(line);
      if (is_empty(p) || p.multiply_adds() > 2e5) continue;
      check(p, {});
      check(p, Plan::make(p).engine());
    }
  }
  set_threads(0);
}

}  // namespace
}  // namespace faltung::test
