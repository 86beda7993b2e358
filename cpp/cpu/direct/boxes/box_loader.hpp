#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/direct/boxes/window.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/prefetch.hpp"

namespace faltung::direct {

/// Reads what the outputs of a box need into a compact buffer [channel, plane, row, window],
/// boundaries resolved. How a row is put together depends on its columns alone, so that is found
/// out once a box.
template <typename Acc>
class BoxLoader {
 public:
  /// A stretch of a row: input elements `step` apart, or a constant.
  struct Segment {
    std::int64_t to, count;
    std::int64_t from, step;   ///< count 1: step 0
    const Boundary* constant;  ///< null for elements
  };

  /// @param p  with `t` its three axes
  BoxLoader(const Problem& p, const ThreeAxes& t, const Box& box)
      : t_(t),
        window_(t.axes[2], box[2]),
        load_(load_row<Acc>(p.input)),
        load_channels_(load_channels<Acc>(p.input)),
        channel_step_(x_strides(p).channel),
        input_(p.input),
        rows_(reach(t.axes[1], box[1])),
        planes_(reach(t.axes[0], box[0])) {}

  [[nodiscard]] const Window& window() const { return window_; }
  [[nodiscard]] std::int64_t row_size() const { return window_.size() + row_slack; }
  [[nodiscard]] std::int64_t plane_size() const { return rows_ * row_size(); }
  /// Of a channel.
  [[nodiscard]] std::int64_t size() const { return planes_ * plane_size(); }
  /// Most segments that a row may need: one for each value.
  [[nodiscard]] std::int64_t max_segments() const { return window_.size() + 1; }

  /// Channels side by side in memory are read so, some at a time: one by one they would fetch every
  /// cache line once for each of its values.
  ///
  /// @param image           offset of the first channel's image in x
  /// @param first, outputs  of the box, planes, rows and columns
  void load(const void* x, std::int64_t image, std::int64_t channels, const Box& first,
            const Box& outputs, Segment* segments, Acc* to) const {
    const std::int64_t together = channel_step_ == 1 ? channels : 1;
    const std::int64_t count = find_segments(first[2], outputs[2], segments);
    for (std::int64_t c = 0; c < channels; c += together, image += channel_step_, to += size()) {
      load_image(x, image, {first[0] * t_.axes[0].stride, first[1] * t_.axes[1].stride},
                 {reach(t_.axes[0], outputs[0]), reach(t_.axes[1], outputs[1])},
                 {segments, segments + count}, together, to);
    }
  }

  /// How the rows of `outputs` columns from column `first` on are put together; the count.
  std::int64_t find_segments(std::int64_t first, std::int64_t outputs, Segment* segments) const {
    const Axis& axis = t_.axes[2];
    Segment* last = segments - 1;
    const auto add = [&](Segment next) {
      if (last >= segments && joins(*last, next)) {
        if (last->count == 1) last->step = next.from - last->from;
        last->count += next.count;
      } else {
        *++last = next;
      }
    };
    std::int64_t to = 0;
    const auto zeros_until = [&](std::int64_t end) {
      if (end > to) add({to, end - to, 0, 0, &zero_});
      to = end;
    };
    for (std::size_t row = 0; row < window_.phases.size(); ++row) {
      const std::int64_t phase = window_.phases[row];
      const std::int64_t start = static_cast<std::int64_t>(row) * window_.length;
      walk_axis(
          axis, first * axis.stride + phase, axis.stride, Window::used(axis, phase, outputs),
          [&](std::int64_t i, std::int64_t, std::int64_t n, std::int64_t from, std::int64_t step) {
            zeros_until(start + i);
            add({start + i, n, from, n == 1 ? 0 : step, nullptr});
            to += n;
          },
          [&](std::int64_t i, const Boundary& boundary) {
            zeros_until(start + i);
            add({start + i, 1, 0, 0, &boundary});
            ++to;
          });
    }
    zeros_until(row_size());
    return last - segments + 1;
  }

  /// One row of the extended input, `position` its place on the slower axes, row_size() values; of
  /// so many channels, or rows, side by side in x, `channel_step` values apart.
  void load_row_at(const void* x, std::int64_t image, std::array<std::int64_t, 2> position,
                   std::span<const Segment> segments, Acc* to, std::int64_t channels = 1,
                   std::int64_t channel_step = 0) const {
    const auto fill = [&](std::int64_t at, std::int64_t count, const Boundary& boundary) {
      const bool constant = boundary.kind == BoundaryKind::constant;
      const Acc value = constant ? as_element<Acc>(boundary.value, input_) : Acc(0);
      for (std::int64_t c = 0; c < channels; ++c)
        std::fill_n(to + c * channel_step + at, count, value);
    };
    const RowPlace row = row_place(t_.axes, t_.x, position);
    if (row.boundary != nullptr) return fill(0, row_size(), *row.boundary);
    for (const Segment& s : segments) {
      const std::int64_t from = image + row.offset + s.from * t_.x[2];
      if (s.constant != nullptr) {
        fill(s.to, s.count, *s.constant);
      } else if (channels == 1) {
        load_(x, from, s.step * t_.x[2], s.count, to + s.to, 1);
      } else {
        load_channels_(x, from, s.step * t_.x[2], s.count, channels, to + s.to, channel_step);
      }
    }
  }

  /// Asks for the elements of a row that will be loaded soon.
  void prefetch_row_at(const void* x, std::int64_t image, std::array<std::int64_t, 2> position,
                       std::span<const Segment> segments) const {
    const RowPlace row = row_place(t_.axes, t_.x, position);
    if (row.boundary != nullptr || t_.x[2] != 1) return;
    const auto bytes = static_cast<std::int64_t>(size_of(input_));
    for (const Segment& s : segments) {
      if (s.constant != nullptr || s.step != 1) continue;
      const auto* from = static_cast<const std::byte*>(x) + (image + row.offset + s.from) * bytes;
      for (std::int64_t i = 0; i < s.count * bytes; i += 64) prefetch<CacheLevel::first>(from + i);
    }
  }

 private:
  // Planes and rows from a place on, of so many channels.
  void load_image(const void* x, std::int64_t image, std::array<std::int64_t, 2> first,
                  std::array<std::int64_t, 2> counts, std::span<const Segment> segments,
                  std::int64_t channels, Acc* to) const {
    for (std::int64_t z = 0, planes = 1; z < counts[0]; z += planes) {
      for (std::int64_t y = 0, rows = 1; y < counts[1]; y += rows) {
        const std::array<std::int64_t, 2> place = {first[0] + z, first[1] + y};
        Acc* row = to + z * plane_size() + y * row_size();
        planes = channels > 1 ? 1 : side_by_side(0, place[0], counts[0] - z);
        rows = channels > 1 ? 1 : side_by_side(1, place[1], counts[1] - y);
        if (planes > 1) {
          load_row_at(x, image, place, segments, row, planes, plane_size());
        } else if (rows > 1) {
          load_row_at(x, image, place, segments, row, rows, row_size());
        } else {
          load_row_at(x, image, place, segments, row, channels, size());
        }
      }
    }
  }
  // How many of the next `most` planes, or rows, lie side by side in x, as the columns of a turned
  // image do. One by one they would fetch every cache line once for each of its values.
  [[nodiscard]] std::int64_t side_by_side(std::size_t a, std::int64_t position,
                                          std::int64_t most) const {
    const std::int64_t at = position - t_.axes[a].pad_lo;
    if (t_.x[a] != 1 || t_.x[2] == 1 || at < 0) return 1;
    return std::clamp<std::int64_t>(t_.axes[a].input - at, 1, most);
  }
  static bool joins(const Segment& a, const Segment& b) {
    if (a.constant != b.constant || b.to != a.to + a.count) return false;
    if (a.constant != nullptr) return true;
    if (b.count != 1 && a.count != 1) return false;
    if (b.count != 1) return b.from - a.from == b.step;
    return a.count == 1 || b.from == a.from + a.count * a.step;
  }

  ThreeAxes t_;
  Window window_;
  LoadRow<Acc> load_;
  LoadChannels<Acc> load_channels_;
  std::int64_t channel_step_;  // in x
  DType input_;
  std::int64_t rows_, planes_;
  Boundary zero_ = {};
};

}  // namespace faltung::direct
