#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/direct/boxes/kernel_task.hpp"
#include "cpp/cpu/direct/dots/dots_kernel.hpp"
#include "cpp/cpu/direct/dots/dots_policy.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// A forward problem of few outputs with many products each, or of outputs whose taps have nothing
/// in common: the lanes of a vector hold neighbouring taps, or channels, of one output. Rows of x
/// are read where they lie if they are sums' numbers side by side, and copied where not.
template <typename Acc>
class DotsTask final : public KernelTask {
 public:
  [[nodiscard]] static bool serves(const Problem& p) { return is_for_dots(p); }

  explicit DotsTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] ErrorBound error_bound() const override;

 private:
  /// Some outputs of all images, and some output channels of a group.
  struct Work {
    std::int64_t first, outputs;
    std::int64_t channel, channels;  ///< over all groups
    std::int64_t group;
    std::byte* workspace;
  };

  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  [[nodiscard]] Work work(std::int64_t block, std::byte* workspace) const;
  template <typename F>
  void for_each_run(const Work& work, F&& f) const;
  void find_rows(const RunArguments& arguments, const Work& work) const;
  void store(const RunArguments& arguments, const Work& work) const;
  [[nodiscard]] Extents output(std::int64_t position) const;

  Problem p_;
  DotsPolicy policy_;
  DotKernel<Acc> kernel_;
  FilterPacker<Acc> packer_;
  ExtendedInput<Acc> input_;
  ResultRows<Acc> result_;
  TensorStrides x_, y_;
  Shape outputs_, slow_taps_;
  std::int64_t group_inputs_, group_outputs_;
  std::int64_t rows_, taps_, image_outputs_;
  bool in_place_;
  bool by_outputs_;  // sums lie [channel, output], not [output, channel]
  bool pads_zeros_;
  Piece<const Acc*> row_table_;  // within a slot, as all that follow
  Piece<Acc> copies_, sums_;
};

}  // namespace faltung::direct
