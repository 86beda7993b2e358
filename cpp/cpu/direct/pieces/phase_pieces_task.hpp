#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/core/engine.hpp"

namespace faltung::direct {

/// A data gradient with a stride, or a forward problem with input dilation, without a workspace:
/// the forward problem of each phase (phases.hpp) in pieces of its own. Their filters stay where
/// they lie, some taps apart.
class PhasePiecesTask final : public Task {
 public:
  [[nodiscard]] static bool serves(const Problem& p);

  explicit PhasePiecesTask(const Problem& problem);
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  void run(const RunArguments& arguments) const override;

 private:
  struct Step {
    std::unique_ptr<Task> task;
    std::int64_t w, result;  ///< where they begin, in bytes
  };
  std::vector<Step> steps_;
};

}  // namespace faltung::direct
