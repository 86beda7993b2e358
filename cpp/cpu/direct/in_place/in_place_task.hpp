#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/direct/boxes/box_task.hpp"
#include "cpp/cpu/direct/in_place/in_place_kernel.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// A forward problem of small filters over single channels (images, depthwise layers), or over many
/// for few outputs, in vectors that are read where they lie in x: a table of pointers resolves the
/// boundaries of the slower axes, the kernel those of the rows. On its way through a buffer every
/// value would be read and written once more, which takes as long as 3x3 products.
template <typename Acc, typename Element = Acc>
class InPlaceTask final : public BoxTask {
 public:
  /// Whether this task can serve the problem, on the instruction set in use.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit InPlaceTask(const Problem& problem);
  [[nodiscard]] std::string policy() const override;

 private:
  /// What stands for the offset of a row that is not in the image. Offsets may be negative.
  static constexpr std::int64_t zeros = INT64_MIN, constants = INT64_MIN + 1;

  void find_blocks();
  void find_offsets();
  void find_ends();
  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  bool compute(const RunArguments& arguments) const override;
  void compute_box(const RunArguments& arguments, const Acc* filter, const Work& work) const;
  [[nodiscard]] const Element* row(const Element* image, std::int64_t z, std::int64_t q,
                                   std::int64_t y, std::int64_t i) const;
  /// Of a plane, that one call of the kernel meets.
  [[nodiscard]] std::int64_t x_rows() const { return rows_together_ + t_.axes[1].filter - 1; }
  void find_rows(const Element* image, const Work& work, std::int64_t z, std::int64_t y,
                 std::int64_t rows) const;
  void prefetch_rows(const Element* image, const Work& work, std::int64_t z, std::int64_t y,
                     const Acc* results) const;
  void sum_rows(const RunArguments& arguments, std::byte* workspace, InPlaceRows<Acc, Element>& a,
                std::int64_t k, std::int64_t to) const;
  /// Sums of some rows, block by block.
  void sum_blocks(std::byte* workspace, const InPlaceRows<Acc, Element>& a) const;

  FilterPacker<Acc> packer_;
  ResultRows<Acc> result_;
  InPlaceKernel<Acc, Element> kernel_;
  std::int64_t taps_;                                 // between two channels
  std::int64_t planes_;                               // of taps, of all channels of a group
  std::int64_t rows_together_;                        // of outputs
  std::array<std::vector<std::int64_t>, 2> offsets_;  // of planes and rows
  std::vector<Element> constant_row_;
  std::unique_ptr<InPlaceEnds<Acc>> ends_;  // null: zeros
  Piece<const Element*> rows_;              // within a slot, as sums_
  Piece<Acc> sums_, block_sums_;
  std::vector<std::int64_t> plane_ends_;  // of the blocks of a sum
  std::int64_t row_step_;                 // rows of taps in one of them
  bool one_block_;
};

}  // namespace faltung::direct
