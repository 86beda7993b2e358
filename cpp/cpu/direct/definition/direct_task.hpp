#pragma once

#include <cstdint>
#include <span>

#include "cpp/cpu/direct/boxes/window.hpp"
#include "cpp/cpu/direct/definition/direct_kernel.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// One problem for the direct engine, sums formed in Acc.
template <typename Acc>
class DirectTask final : public Task {
 public:
  explicit DirectTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream&,
                                                               const void* w) const override {
    return packer_.prepare(w);
  }
  void run(const RunArguments& arguments) const override;

 private:
  struct Tile {
    std::int64_t first;    ///< output column
    std::int64_t columns;  ///< how many
  };
  struct Range {
    std::int64_t begin, end;
  };
  struct Values {
    const Acc* data;
    const std::uint8_t* mask;  ///< null if something stands everywhere
  };

  void forward(const RunArguments& arguments, const Acc* filter) const;
  void forward_tile(const RunArguments& arguments, const Acc* filter, std::int64_t b,
                    std::int64_t first_k, std::int64_t channels, const Extents& o, Tile tile) const;
  void backward_data(const RunArguments& arguments, const Acc* filter) const;
  void spread_row(const RunArguments& arguments, const Acc* gradient, const Acc* taps,
                  const RowPlace& place, Tile tile) const;
  void backward_filter(const RunArguments& arguments) const;

  [[nodiscard]] Values window(const RunArguments& arguments, std::int64_t image,
                              const RowPlace& place, Tile tile) const;
  [[nodiscard]] const Acc* gradient_row(const RunArguments& arguments, const void* dy,
                                        std::int64_t offset, std::int64_t columns) const;
  [[nodiscard]] Range present(const RowPlace& place, Tile tile, std::int64_t tap) const;
  /// @tparam fused  whether products and sums are rounded once
  template <bool fused>
  void add_taps(Acc* sums, const Values& x, const Acc* taps, const RowPlace& place, Tile tile,
                Range which) const;
  /// Adds partial sums to the sums before them, and starts new ones.
  static void end_block(Acc* sums, Acc* totals, std::int64_t count);
  /// What a product passes, see sum_error.
  [[nodiscard]] double roundings() const;
  template <typename F>
  void for_each_tile(F&& f) const {
    const std::int64_t outputs = axis_.output();
    for (std::int64_t first = 0; first < outputs; first += policy_.columns) {
      f(Tile{first, std::min(policy_.columns, outputs - first)});
    }
  }

  Problem p_;
  Axis axis_;  // the last
  Policy policy_;
  Window window_;
  TensorStrides x_, w_, y_;
  Shape rows_, tap_rows_;  // output and filter extents without the last axis
  std::int64_t group_inputs_, group_outputs_, taps_;
  ExtendedInput<Acc> input_;
  FilterPacker<Acc> packer_;
  LoadRow<Acc> load_y_;
  ResultRows<Acc> result_;
  WorkspaceLayout layout_;
  Extents steps_;                    // of the blocks of a forward sum, see sum_steps
  bool in_order_;                    // see order.hpp
  std::int64_t block_channels_ = 1;  // of dy, in a block of a data gradient
  Piece<Acc> filter_, sums_, totals_, values_, gradient_, image_;
  Piece<std::uint8_t> mask_;
};

}  // namespace faltung::direct
