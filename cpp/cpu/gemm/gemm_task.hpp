#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/gemm/gemm_policy.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::gemm {

/// One problem for the gemm engine: per image and group, with the columns X[c r, o] of the extended
/// input under the outputs,
///
///     forward           Y[k, o]   = W[k, c r] X[c r, o]
///     backward_data     X'[c r, o] = W[k, c r]^H dY[k, o], then every column value is added to the
///                       element it came from
///     backward_filter   dW[k, c r] = dY[k, o] X[c r, o]^H
template <typename Acc>
class GemmTask final : public Task {
 public:
  explicit GemmTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return packer_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  struct Block {
    std::int64_t first;
    std::int64_t count;
  };
  template <typename F>
  static void for_each_block(Block all, std::int64_t size, F&& f) {
    const std::int64_t end = all.first + all.count;
    for (std::int64_t first = all.first; first < end; first += size) {
      f(Block{first, std::min(size, end - first)});
    }
  }
  /// Cuts outputs [first, first + count) where rows end: f(place in the block, output index of the
  /// first, how many).
  template <typename F>
  void for_each_piece(Block outputs, F&& f) const;
  /// Channel within the group, and tap, of a row of the column matrix.
  [[nodiscard]] Extents tap(std::int64_t row) const;

  // Each computes one block, in the workspace of one thread.
  void forward(const RunArguments& arguments, std::int64_t block, const Acc* filter) const;
  void backward_data(const RunArguments& arguments, std::int64_t block, const Acc* filter) const;
  void backward_filter(const RunArguments& arguments, std::int64_t block, Acc* sums) const;

  void load_columns(const RunArguments& arguments, std::int64_t b, std::int64_t g, Block rows,
                    Block outputs) const;
  void fold_columns(const RunArguments& arguments, std::int64_t first_channel, Block rows,
                    Block outputs) const;
  void load_gradient(const RunArguments& arguments, const void* dy, std::int64_t b, std::int64_t g,
                     Block outputs) const;
  void store_tile(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                  Block outputs) const;
  void store_image(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                   Block channels) const;
  void store_filter(const RunArguments& arguments, Acc* sums) const;

  Problem p_;
  Axis axis_;  // the last
  Policy policy_;
  TensorStrides x_, w_, y_;
  Shape outputs_, inputs_, taps_;
  std::int64_t group_inputs_, group_outputs_, output_count_, input_count_, tap_count_, rows_;
  ExtendedInput<Acc> input_;
  FilterPacker<Acc> packer_;
  LoadRow<Acc> load_y_;
  ResultRows<Acc> result_;
  WorkspaceLayout layout_;
  std::int64_t part_channels_, part_rows_, blocks_;  // the work of a thread at a time
  int slots_;
  std::size_t filter_at_, slots_at_, slot_bytes_;
  std::size_t columns_at_, tile_at_, image_at_;  // within a slot
};

}  // namespace faltung::gemm
