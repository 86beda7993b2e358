#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "cpp/cpu/direct/box_loader.hpp"
#include "cpp/cpu/direct/channel_kernel.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// What the outputs of a box read, as panels for the kernel: [panel, channel, tap, output], a panel
/// having as many outputs as the kernel sums at once. The outputs of a box are counted row by row,
/// so only its last vector may be partly empty.
///
/// Values come from x where they lie, if it consists of the kernel's elements, in rows without gaps
/// and with zeros around it; or else from boxes made by BoxLoader, but not pairs of bf16.
template <typename Value>
class PanelPacker {
  using Traits = ValueTraits<Value>;
  using Boxed =
      std::conditional_t<std::is_same_v<Value, Int16Pair>, std::int16_t, typename Traits::Sum>;

 public:
  /// @param p         with `t` its three axes
  /// @param box       the largest
  /// @param channels  that are packed at a time, at most
  PanelPacker(const Problem& p, const ThreeAxes& t, const Box& box, std::int64_t channels,
              const ChannelShape<Value>& kernel);

  [[nodiscard]] static bool reads_in_place(const Problem& p, const ThreeAxes& t);

  /// Rows of a panel for so many channels.
  [[nodiscard]] std::int64_t rows(std::int64_t channels) const {
    return ceil_divide(channels, Traits::channels) * tap_count_;
  }
  [[nodiscard]] std::int64_t row_step() const { return width_; }
  [[nodiscard]] std::size_t workspace_bytes() const { return layout_.bytes(); }
  [[nodiscard]] const Value* panels(std::byte* workspace) const {
    return at<Value>(workspace, panels_at_);
  }
  [[nodiscard]] const std::int64_t* vectors(std::byte* workspace) const {
    return at<std::int64_t>(workspace, vectors_at_);
  }

  /// Prepares the workspace for a box; returns how many vectors its outputs take.
  std::int64_t start(std::byte* workspace, const Box& first, const Box& outputs) const;
  /// Packs channels of an image of x.
  ///
  /// @param image, channel_step  offset of the first channel in x, and of the next from it
  void pack(std::byte* workspace, const void* x, std::int64_t image, std::int64_t channel_step,
            std::int64_t channels, const Box& first, const Box& outputs) const;

 private:
  class Pieces;
  using Segment = typename BoxLoader<Boxed>::Segment;

  void add_row(Pieces& pieces, const Box& output, std::int64_t columns, const Box& tap) const;

  ThreeAxes t_;
  BoxLoader<Boxed> loader_;
  ChannelShape<Value> kernel_;
  bool in_place_;
  std::int64_t tap_count_, width_, panel_size_;
  WorkspaceLayout layout_;
  std::size_t panels_at_, vectors_at_, pieces_at_, ends_at_, segments_at_, buffer_at_;
};

}  // namespace faltung::direct
