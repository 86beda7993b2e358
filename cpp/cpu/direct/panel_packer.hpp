#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "cpp/cpu/channels/channel_kernel.hpp"
#include "cpp/cpu/direct/box_channels.hpp"
#include "cpp/cpu/direct/box_loader.hpp"
#include "cpp/cpu/direct/panel_bands.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// What the outputs of a box read, for the kernel: [channel, band, output], a band being what one
/// or more taps meet (see PanelBands). The outputs of a box are counted row by row, so only its
/// last vector may be partly empty.
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

  /// As in ChannelSums; with pairs, a channel is a pair of them.
  [[nodiscard]] std::int64_t channel_step() const { return bands_.count() * band_size_; }
  [[nodiscard]] const std::vector<std::int64_t>& taps() const { return taps_; }
  [[nodiscard]] const std::vector<std::int64_t>& vectors() const { return vectors_; }

  [[nodiscard]] std::size_t workspace_bytes() const { return layout_.bytes(); }
  [[nodiscard]] const Value* values(std::byte* workspace) const {
    return at<Value>(workspace, values_at_);
  }

  /// Prepares the workspace for a box.
  void start(std::byte* workspace, const Box& first, const Box& outputs) const;
  /// Packs channels of an image of x.
  ///
  /// @param image, channel_step  offset of the first channel in x, and of the next from it
  void pack(std::byte* workspace, const void* x, std::int64_t image, std::int64_t channel_step,
            std::int64_t channels, const Box& first, const Box& outputs) const;

 private:
  class Pieces;
  using Segment = typename BoxLoader<Boxed>::Segment;

  [[nodiscard]] std::int64_t offset(const Box& tap) const;
  void add_row(Pieces& pieces, const Box& output, std::int64_t columns, const Box& tap) const;
  [[nodiscard]] Box with_extra(Box outputs, std::int64_t lines) const {
    outputs[bands_.axis] += lines;
    return outputs;
  }

  ThreeAxes t_;
  BoxLoader<Boxed> loader_;
  BoxChannels<Boxed> box_channels_;
  ChannelShape<Value> kernel_;
  bool in_place_;
  PanelBands bands_;
  std::int64_t band_size_;
  std::vector<std::int64_t> taps_, vectors_;
  WorkspaceLayout layout_;
  std::size_t values_at_, pieces_at_, ends_at_, segments_at_, buffer_at_;
};

}  // namespace faltung::direct
