#pragma once

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/box_loader.hpp"

namespace faltung::direct {

/// Reads what the outputs of a box need of many channels, [channel, plane, row, window] as
/// BoxLoader lays them out. Channels side by side in memory are read so, some at a time: one by one
/// they would fetch every cache line once for each of its values.
template <typename Acc>
class BoxChannels {
 public:
  using Segment = typename BoxLoader<Acc>::Segment;

  /// @param p  with `t` its three axes
  BoxChannels(const Problem& p, const ThreeAxes& t)
      : t_(t),
        input_(p.input),
        channel_step_(x_strides(p).channel),
        load_(load_channels<Acc>(p.input)) {}

  /// @param image  offset of the first channel's image in x
  void load(const BoxLoader<Acc>& loader, const void* x, std::int64_t image, std::int64_t channels,
            const Box& first, const Box& outputs, Segment* segments, Acc* to) const {
    if (channel_step_ != 1 || channels == 1) {
      for (std::int64_t c = 0; c < channels; ++c) {
        loader.load(x, image + c * channel_step_, first, outputs, segments, to + c * loader.size());
      }
      return;
    }
    const std::int64_t count = loader.find_segments(first[2], outputs[2], segments);
    for (std::int64_t z = 0; z < reach(t_.axes[0], outputs[0]); ++z) {
      for (std::int64_t y = 0; y < reach(t_.axes[1], outputs[1]); ++y) {
        load_row_at(loader, x, image,
                    {first[0] * t_.axes[0].stride + z, first[1] * t_.axes[1].stride + y}, channels,
                    {segments, segments + count},
                    to + z * loader.plane_size() + y * loader.row_size());
      }
    }
  }

 private:
  void load_row_at(const BoxLoader<Acc>& loader, const void* x, std::int64_t image,
                   std::array<std::int64_t, 2> position, std::int64_t channels,
                   std::span<const Segment> segments, Acc* to) const {
    const auto fill = [&](std::int64_t at, std::int64_t count, const Boundary& boundary) {
      const Acc value = boundary.kind == BoundaryKind::constant
                            ? as_element<Acc>(boundary.value, input_)
                            : Acc(0);
      for (std::int64_t c = 0; c < channels; ++c)
        std::fill_n(to + c * loader.size() + at, count, value);
    };
    for (std::size_t a = 0; a < 2; ++a) {
      const Axis& axis = t_.axes[a];
      const std::int64_t at = position[a] - axis.pad_lo;
      const Boundary& boundary = at < 0 ? axis.below : axis.above;
      const std::int64_t j = extend_index(boundary.kind, at, axis.input);
      if (j == outside) return fill(0, loader.row_size(), boundary);
      image += j * t_.x[a];
    }
    for (const Segment& s : segments) {
      if (s.constant != nullptr) {
        fill(s.to, s.count, *s.constant);
      } else {
        load_(x, image + s.from * t_.x[2], s.step * t_.x[2], s.count, channels, to + s.to,
              loader.size());
      }
    }
  }

  ThreeAxes t_;
  DType input_;
  std::int64_t channel_step_;
  LoadChannels<Acc> load_;
};

}  // namespace faltung::direct
