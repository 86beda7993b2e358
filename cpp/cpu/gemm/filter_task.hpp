#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/gemm/columns.hpp"
#include "cpp/cpu/gemm/gemm_policy.hpp"
#include "cpp/cpu/gemm/product.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::gemm {

/// The filter gradient, per group, summed over images, with the columns of GemmTask:
///
///     dW[k, c r]^T = conj(X[c r, o]) dY[k, o]^T
///
/// so that the kernel's vectors are output channels, and X is read as it is made.
template <typename Acc>
class FilterTask final : public Task {
  using Real = typename Product<Acc>::Real;

 public:
  explicit FilterTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  void run(const RunArguments& arguments) const override;

 private:
  /// A segment's sums of one group.
  [[nodiscard]] Planes<Real> sums(const RunArguments& arguments, std::int64_t segment,
                                  std::int64_t g) const;
  /// Some rows of the column matrix of one group, in one segment.
  void compute(const RunArguments& arguments, std::int64_t block, std::byte* workspace) const;
  void load_gradient(const RunArguments& arguments, std::int64_t b, std::int64_t g, Block outputs,
                     const Planes<Real>& right, Acc* values) const;
  /// Adds the segments and stores some output channels.
  void store(const RunArguments& arguments, std::int64_t block, std::byte* workspace) const;
  void store_channel(const RunArguments& arguments, std::int64_t k, const Acc* values) const;

  Problem p_;
  Policy policy_;
  Columns<Acc> columns_;
  Product<Acc> product_;
  TensorStrides w_;
  std::int64_t group_outputs_, rows_, output_count_, pieces_, part_rows_, parts_, left_step_;
  bool rows_of_w_;  // the taps of an output channel lie in order, without gaps
  ResultRows<Acc> result_;
  SlotLayout layout_;
  Piece<Real> sums_;
  Piece<Real> right_;  // within a slot, as all that follow
  Piece<Acc> left_, values_, scratch_;
};

}  // namespace faltung::gemm
