#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/gemm/columns.hpp"
#include "cpp/cpu/gemm/gemm_policy.hpp"
#include "cpp/cpu/gemm/product.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::gemm {

/// What a plan says of an engine of matrix products.
[[nodiscard]] std::string policy_text(const Policy& policy);

/// The forward pass and the data gradient, per image and group, with the columns X[c r, o] of the
/// extended input under the outputs:
///
///     forward           Y[k, o]   = W[k, c r] X[c r, o]
///     backward_data     X'[c r, o] = W[k, c r]^H dY[k, o], then every column value is added to the
///                       element it came from
template <typename Acc>
class GemmTask final : public Task {
  using Real = typename Product<Acc>::Real;

 public:
  explicit GemmTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(layout_.slots); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return packer_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  // Each computes one block, in the workspace of one thread.
  void forward(const RunArguments& arguments, std::int64_t block, const Acc* filter) const;
  void backward_data(const RunArguments& arguments, std::int64_t block, const Acc* filter) const;

  void fold_row(const Acc* values, std::int64_t row, Block outputs, Acc* image) const;
  void store_outputs(const RunArguments& arguments, std::int64_t b, std::int64_t g, Block outputs,
                     const Acc* weights, const Planes<Real>& sums) const;
  void store_image(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                   Block channels) const;

  Problem p_;
  Policy policy_;
  Columns<Acc> columns_;
  Product<Acc> product_;
  Shape inputs_;
  std::int64_t group_inputs_, group_outputs_, rows_, output_count_, input_count_;
  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  SlotLayout layout_;
  std::int64_t part_channels_, blocks_;
  Piece<Acc> filter_;
  Piece<Real> right_, sums_;  // within a slot, as all that follow
  Piece<Acc> row_, scratch_, image_;
};

}  // namespace faltung::gemm
