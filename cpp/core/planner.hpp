#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <faltung/wisdom.hpp>
#include "cpp/core/engine.hpp"

namespace faltung {

/// The planner's decision.
struct Choice {
  const Engine* engine = nullptr;  ///< null if every engine refused
  std::string_view way;            ///< row of its table
  std::unique_ptr<Task> task;
  double estimate_us = 0;
  std::vector<Candidate> candidates;       ///< one per engine, in list order
  std::vector<MeasuredWay> measured = {};  ///< what wisdom has of the problem, the fastest first
  bool by_wisdom = false;                  ///< whether the way is the fastest measured one
  std::size_t least_bytes = 0;             ///< of workspace that any way asked for needs
  std::string least_by = {};  ///< that way, "cpu.direct/rows"; empty if no limit was broken
};

/// PlanOptions::engine, taken apart: "" means all, "cpu.fft" is an engine, "fft" the family of
/// cpu.fft, cuda.fft, cuda.fft_block, ...; after a slash one way of it, "cpu.direct/in_place".
struct EngineWish {
  explicit EngineWish(std::string_view text);
  [[nodiscard]] bool means(std::string_view name) const;

  std::string_view engine, way;  ///< parts of the text
};

/// @throws InvalidProblem unless it is "" or names an engine of this build, or a way of one.
void check_engine(std::string_view engine);

/// Whether x, w or y has no elements; see Engine::takes_empty_tensors.
[[nodiscard]] bool has_empty_tensor(const Problem& problem);

/// A problem as the options ask for it: what they say about it is in the problem, too.
///
/// @throws InvalidProblem if the options contradict each other.
[[nodiscard]] Problem asked_problem(const Problem& problem, const PlanOptions& options);

/// Why runs with the facts `mine` are less well-behaved than those with `theirs`, of the plan that
/// estimates would choose; empty if they are not. What was measured is held to it.
[[nodiscard]] std::string lesser_promise(const PlanFacts& mine, const PlanFacts& theirs);

/// Whether a choice goes by what was measured.
enum class Wisdom : std::uint8_t { used, unused };

/// Asks every engine for the normal_form() of the problem as it is asked for, drops the refusals
/// and what breaks an option, keeps the smallest estimate, or the fastest measured way (wisdom.hpp)
/// if it promises no less than that. An engine whose way breaks a limit of workspace, or the
/// accuracy, is asked for its other ways.
///
/// @throws InvalidProblem if the problem is not valid or options.engine names no engine.
[[nodiscard]] Choice choose_engine(const Problem& problem, const Device& device,
                                   const PlanOptions& options, Wisdom wisdom = Wisdom::used);

}  // namespace faltung
