#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/direct/boxes/box_loader.hpp"
#include "cpp/cpu/direct/layers/layer_policy.hpp"
#include "cpp/cpu/direct/layers/panel_bands.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// What the outputs of a box read, for the kernel.
///
/// Packed as [channel, band, output], a band being what one or more taps meet (see PanelBands): the
/// outputs of a box are counted row by row, so only its last vector may be partly empty. Values
/// come from x where they lie, if it consists of the kernel's elements, in rows without gaps and
/// with zeros around it; or else from boxes made by BoxLoader, but not pairs of bf16.
///
/// Or, if Value is no pair, that box itself: then vectors end with the rows of outputs.
template <typename Value>
class LayerInput {
  using Traits = ValueTraits<Value>;
  using Boxed =
      std::conditional_t<std::is_same_v<Value, Int16Pair>, std::int16_t, typename Traits::Sum>;

 public:
  /// @param p       with `t` its three axes
  /// @param layout  of a slot, to which the pieces are added
  LayerInput(const Problem& p, const ThreeAxes& t, const LayerPolicy& policy,
             const ChannelShape<Value>& kernel, WorkspaceLayout& layout);

  [[nodiscard]] static bool reads_in_place(const Problem& p, const ThreeAxes& t);

  /// Sums of a row of so many outputs, up to the next row.
  [[nodiscard]] std::int64_t row_step(std::int64_t columns) const {
    return packs_ ? columns : ceil_divide(columns, kernel_.lanes) * kernel_.lanes;
  }
  /// Vectors of sums that the outputs of a box take.
  [[nodiscard]] std::int64_t vectors(const Box& outputs) const {
    return ceil_divide(outputs[0] * outputs[1] * row_step(outputs[2]), kernel_.lanes);
  }
  [[nodiscard]] std::int64_t tap_count() const { return std::ssize(taps_); }

  /// Prepares the workspace for a box and writes what the kernel is told of it.
  void start(std::byte* workspace, const Block& block, ChannelSums<Value>& sums) const;
  /// Loads channels of an image of x.
  ///
  /// @param image  offset of the first channel in x
  void load(std::byte* workspace, const void* x, std::int64_t image, std::int64_t channels,
            const Block& block) const;

 private:
  class Pieces;
  using Segment = typename BoxLoader<Boxed>::Segment;

  [[nodiscard]] std::int64_t offset(const Box& tap) const;
  [[nodiscard]] std::int64_t box_offset(const Box& output, const Box& tap) const;
  void find_pieces(std::byte* workspace, const Block& block) const;
  void add_row(Pieces& pieces, const Box& output, std::int64_t columns, const Box& tap) const;
  [[nodiscard]] Box with_extra(Box outputs, std::int64_t lines) const {
    outputs[bands_.axis] += lines;
    return outputs;
  }

  ThreeAxes t_;
  BoxLoader<Boxed> loader_;
  ChannelShape<Value> kernel_;
  bool packs_, in_place_;
  std::int64_t x_step_;  ///< between channels of x
  PanelBands bands_;
  std::int64_t band_size_;
  std::vector<std::int64_t> taps_;
  Piece<Value> values_;
  Piece<PanelPiece> pieces_;
  Piece<std::int64_t> ends_, vectors_;
  Piece<Segment> segments_;
  Piece<Boxed> buffer_;
};

}  // namespace faltung::direct
