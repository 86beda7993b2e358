#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/direct/boxes/kernel_task.hpp"
#include "cpp/cpu/direct/pointwise/pointwise_kernel.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// A forward problem of filters with one tap and few output channels in a group: x is read where it
/// lies, as often as there are tiles of output channels. Products of matrices would pack it first,
/// for tiles of eight channels.
template <typename Acc>
class PointwiseTask final : public KernelTask {
 public:
  /// Whether this task can serve the problem, on the instruction set in use.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit PointwiseTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;

 private:
  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  void compute_block(const RunArguments& arguments, const Acc* weights, std::int64_t index,
                     std::byte* workspace) const;

  Problem p_;  // with axes joined that lie side by side
  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  PointwiseKernel<Acc> kernel_;
  TensorStrides x_, y_;
  Shape slow_;  // extents of the axes before the last
  std::int64_t rows_, columns_, block_columns_, blocks_;
  std::int64_t group_inputs_, group_outputs_;
  bool stores_in_place_;
  Piece<Acc> sums_;  // within a slot
};

/// Microseconds of one thread.
[[nodiscard]] double pointwise_us(const Problem& p);

}  // namespace faltung::direct
