#pragma once

#include <memory>

#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::masked {

/// One pass of a Problem over compact images of one type.
class CompactPass {
 public:
  /// @param problem  forward, compact
  /// @param w        its filter, compact; the filter gradient reads none
  CompactPass(const Problem& problem, Pass direction, PlanOptions options, const Device& device,
              std::shared_ptr<const Tensor> w);

  [[nodiscard]] const std::shared_ptr<const Plan>& plan() const { return plan_; }
  /// y of x.
  void run_forward(const void* x, void* y, const Stream& stream, const Workspace& workspace) const;
  /// dx of dy.
  void run_data(const void* dy, void* dx, const Stream& stream, const Workspace& workspace) const;
  /// dw of x and dy.
  void run_filter(const void* x, const void* dy, void* dw, const Stream& stream,
                  const Workspace& workspace) const;

 private:
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<const Tensor> w_;
};

}  // namespace faltung::masked
