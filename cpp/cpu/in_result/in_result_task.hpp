#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cpp/core/engine.hpp"
#include "cpp/cpu/in_result/result_region.hpp"

namespace faltung {

/// A problem without a workspace, by tasks that need one: what of the result is not yet written
/// serves as such. The first slices of the result are computed with the memory of the others, then
/// of these the first, and so on; the last ones with memory on the stack. Filters too long for the
/// memory are taken some taps after the other, their sums added up in the result.
class InResultTask final : public Task {
 public:
  /// Memory on the stack of each thread.
  static constexpr std::size_t stack_bytes = std::size_t{60} << 10;

  /// The task of a part and what one thread takes for it; null if there is none.
  struct Made {
    std::unique_ptr<Task> task = {};
    double us = 0;
  };
  /// Makes the task of a part that needs at most so many bytes. What it computes must not depend on
  /// threads(), but how many it uses may.
  using Make = std::function<Made(const Problem&, std::size_t)>;
  /// Tasks that need none, for what is left in the end.
  struct Without {
    std::function<double(const Problem&)> us;  ///< infinite if there is no such task
    std::function<std::unique_ptr<Task>(const Problem&)> make;
  };

  /// Whether the unwritten result may be used so: a result without gaps, which is never read.
  [[nodiscard]] static bool serves(const Problem& p);

  /// @param stack  memory on the stack to use; less only makes it slower
  /// @throws std::length_error if neither makes a task of some part.
  InResultTask(const Problem& problem, const Make& make, const Without& without,
               std::size_t stack = stack_bytes);
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  void run(const RunArguments& arguments) const override;
  /// Estimate of a run.
  [[nodiscard]] double microseconds() const { return us_; }

 private:
  struct Step {
    ProblemPart part;
    std::unique_ptr<Task> task;
  };
  /// Some slices: their steps, one after the other, of which all but the first add.
  struct Head {
    std::vector<Step> steps;
    std::size_t memory = 0;  ///< what lies behind them in the result begins here
    bool on_stack = false;
    double us = 0;  ///< of one thread
  };
  /// Slices to begin with, and into how many parts each axis of the filter is cut for them.
  struct Cut {
    std::int64_t slices = 0;
    std::vector<std::int64_t> tap_parts;
    double us = 0;  ///< of one thread, if all parts are as one in the middle
  };

  [[nodiscard]] Cut cut(const ResultRegion& rest, std::int64_t slices, const Make& make) const;
  [[nodiscard]] Cut best_cut(const ResultRegion& rest, const Make& make, double& us) const;
  [[nodiscard]] Head head(const ResultRegion& rest, const Cut& cut, const Make& make) const;
  [[nodiscard]] bool halve_taps(std::vector<std::int64_t>& parts) const;
  [[nodiscard]] std::size_t bytes_behind(const ResultRegion& rest, std::int64_t slices) const;
  [[nodiscard]] Step step(const ResultRegion& region, const std::vector<std::int64_t>& parts,
                          std::int64_t index) const;
  void add(Head head);
  void run_step(const RunArguments& arguments, const Step& step, std::byte* memory) const;
  void run_on_stack(const RunArguments& arguments, const Head& head) const;

  Problem p_;
  std::size_t stack_;
  std::vector<Head> heads_;
  std::size_t steps_ = 0;
  double us_ = 0;
  int threads_ = 1;
};

}  // namespace faltung
