#pragma once

#include <algorithm>
#include <cstdint>

#include "cpp/core/engine.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/present_places.hpp"

namespace faltung::gemm {

/// Some neighbours: rows, outputs or channels.
struct Block {
  std::int64_t first;
  std::int64_t count;
};

template <typename F>
void for_each_block(Block all, std::int64_t size, F&& f) {
  const std::int64_t end = all.first + all.count;
  for (std::int64_t first = all.first; first < end; first += size) {
    f(Block{first, std::min(size, end - first)});
  }
}

/// The column matrix of a problem, X[c r, o], for each image and group: what stands in the extended
/// input under tap r of output o in channel c of the group. Outputs and taps are counted through.
template <typename Acc>
class Columns {
 public:
  explicit Columns(const Problem& p)
      : p_(p),
        x_(x_strides(p)),
        y_(y_strides(p)),
        outputs_(output_extents(p)),
        taps_(filter_extents(p)),
        inputs_(p.in_channels / p.groups),
        tap_count_(element_count(taps_)),
        input_(p, x_.spatial),
        load_y_(load_row<Acc>(p.output)) {}

  [[nodiscard]] std::int64_t rows() const { return inputs_ * tap_count_; }
  [[nodiscard]] std::int64_t outputs() const { return element_count(outputs_); }

  /// Cuts outputs where rows end: f(place in the block, output index of the first, how many).
  template <typename F>
  void for_each_piece(Block outputs, F&& f) const {
    for (std::int64_t i = 0; i < outputs.count;) {
      const Extents o = unravel(outputs.first + i, outputs_);
      const std::int64_t count = std::min(outputs_.back() - o.back(), outputs.count - i);
      f(i, o, count);
      i += count;
    }
  }
  /// The tap of a row.
  [[nodiscard]] Extents tap(std::int64_t row) const { return unravel(row % tap_count_, taps_); }
  /// The first position of a piece on the last axis of the extended input.
  [[nodiscard]] std::int64_t position(const Extents& o, const Extents& r) const {
    return o.back() * p_.axes.back().stride + r.back() * p_.axes.back().dilation;
  }

  /// A part of a row of the matrix of image b and group g.
  void load(const void* x, std::int64_t b, std::int64_t g, std::int64_t row, Block outputs,
            Acc* to) const {
    const Extents r = tap(row);
    const std::int64_t channel = g * inputs_ + row / tap_count_;
    const std::int64_t image = b * x_.outer + channel * x_.channel;
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, o, r));
      input_.load(x, image, place, position(o, r), p_.axes.back().stride, count, to + i);
    });
  }

  /// For the same part 1 where something stands, else 0 (mark_present).
  void mark(std::int64_t row, Block outputs, std::uint8_t* to) const {
    const Extents r = tap(row);
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, o, r));
      mark_present(p_.axes.back(), place, position(o, r), p_.axes.back().stride, count, to + i);
    });
  }

  /// Outputs of one channel of dy.
  void load_gradient(const void* dy, std::int64_t b, std::int64_t k, Block outputs, Acc* to) const {
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      load_y_(dy, place_of(b, k, o), y_.spatial.back(), count, to + i, 1);
    });
  }
  /// Some channels of dy at one output.
  void load_gradient_channels(const void* dy, std::int64_t b, Block channels, std::int64_t output,
                              Acc* to) const {
    load_y_(dy, place_of(b, channels.first, unravel(output, outputs_)), y_.channel, channels.count,
            to, 1);
  }

  /// Where an element of y stands.
  [[nodiscard]] std::int64_t place_of(std::int64_t b, std::int64_t k, const Extents& o) const {
    return b * y_.outer + k * y_.channel + offset_of(o, y_.spatial);
  }
  [[nodiscard]] const TensorStrides& x() const { return x_; }
  [[nodiscard]] const TensorStrides& y() const { return y_; }

 private:
  // The index of element `position` of a compact tensor.
  static Extents unravel(std::int64_t position, const Shape& shape) {
    Extents index = Extents::filled(shape.size(), 0);
    for (std::size_t a = shape.size(); a-- > 0; position /= shape[a]) {
      index[a] = position % shape[a];
    }
    return index;
  }

  Problem p_;
  TensorStrides x_, y_;
  Shape outputs_, taps_;
  std::int64_t inputs_, tap_count_;
  ExtendedInput<Acc> input_;
  LoadRow<Acc> load_y_;
};

}  // namespace faltung::gemm
