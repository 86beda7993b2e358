#include "cpp/cpu/direct/boxes/box.hpp"

#include <algorithm>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/boxes/window.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {
namespace {

// Half of a second-level cache: the filter and the results take some, too.
std::int64_t cache_bytes() { return cpu_machine().l2_bytes / 2; }
constexpr std::int64_t min_columns = 64;

std::int64_t bytes_of(const ThreeAxes& t, const Box& box, std::int64_t value_bytes) {
  const std::int64_t row = Window(t.axes[2], box[2]).size() + row_slack;
  return reach(t.axes[0], box[0]) * reach(t.axes[1], box[1]) * row * value_bytes;
}

}  // namespace

ThreeAxes::ThreeAxes(const Problem& p) : axes{}, x{}, y{} {
  const std::size_t first = 3 - p.rank();
  const Strides of_x = x_strides(p).spatial;
  const Strides of_y = y_strides(p).spatial;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    axes[first + a] = p.axes[a];
    x[first + a] = of_x[a];
    y[first + a] = of_y[a];
  }
}

Boxes::Boxes(const ThreeAxes& t, const Box& box, std::int64_t images, std::int64_t groups,
             std::int64_t parts)
    : box_(box), extents_{}, counts_{}, groups_(groups), parts_(parts), count_(images) {
  count_ *= groups * parts;
  for (std::size_t a = 0; a < 3; ++a) {
    extents_[a] = t.axes[a].output();
    counts_[a] = ceil_divide(extents_[a], box_[a]);
    count_ *= counts_[a];
  }
}

Block Boxes::at(std::int64_t index) const {
  Block block{};
  block.part = index % parts_;
  index /= parts_;
  for (std::size_t a = 3; a-- > 0; index /= counts_[a]) {
    block.first[a] = index % counts_[a] * box_[a];
    block.outputs[a] = std::min(box_[a], extents_[a] - block.first[a]);
  }
  block.group = index % groups_;
  block.image = index / groups_;
  return block;
}

std::string box_text(const Box& box) { return message(box[0], "x", box[1], "x", box[2]); }

bool has_kernel_axes(const Problem& p) {
  return p.rank() <= 3 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; });
}

bool fits_in_boxes(const Problem& p, std::int64_t channels) {
  constexpr double max_bytes = 16 * 1024 * 1024;
  double bytes = static_cast<double>(channels) * static_cast<double>(size_of(p.accumulator));
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const std::int64_t outputs = a + 1 == p.rank() ? min_columns : a + 2 == p.rank() ? max_rows : 1;
    bytes *= static_cast<double>(std::min(axis.output(), outputs) - 1) *
                 static_cast<double>(axis.stride) +
             static_cast<double>(axis.effective_filter());
  }
  return bytes <= max_bytes;
}

Box choose_box(const ThreeAxes& t, std::int64_t images, std::int64_t channels, std::int64_t bytes,
               double products, std::int64_t min_rows) {
  const Box outputs = {t.axes[0].output(), t.axes[1].output(), t.axes[2].output()};
  const std::int64_t value_bytes = channels * bytes;
  const std::int64_t span = t.axes[2].effective_filter() / t.axes[2].stride;
  Box box = {1, std::min(outputs[1], min_rows),
             std::min(outputs[2], std::max<std::int64_t>(4096, 8 * span))};
  const std::int64_t max_bytes = cache_bytes();
  while (box[2] > min_columns && bytes_of(t, box, value_bytes) > max_bytes) box[2] /= 2;
  // Larger boxes read less twice; the axis that would read most twice grows first.
  for (bool grown = true; grown;) {
    grown = false;
    const bool rows_first =
        t.axes[1].effective_filter() * box[0] >= t.axes[0].effective_filter() * box[1];
    for (const std::size_t a : {rows_first ? 1u : 0u, rows_first ? 0u : 1u}) {
      Box larger = box;
      larger[a] = std::min(outputs[a], 2 * box[a]);
      if (larger[a] == box[a] || bytes_of(t, larger, value_bytes) > max_bytes) continue;
      box = larger;
      grown = true;
      break;
    }
  }
  constexpr std::int64_t enough_boxes = 16;
  constexpr double min_products = 200'000;
  const auto boxes = [&] {
    return images * ceil_divide(outputs[0], box[0]) * ceil_divide(outputs[1], box[1]) *
           ceil_divide(outputs[2], box[2]);
  };
  const auto halve = [&](std::size_t a, std::int64_t min) {
    // The overlap of two boxes is read twice: it must stay smaller than they are.
    const Axis& axis = t.axes[a];
    if (box[a] < 2 * min || box[a] * axis.stride < 2 * axis.effective_filter() - 2) return false;
    box[a] = ceil_divide(box[a], 2);
    return true;
  };
  while (boxes() < enough_boxes &&
         static_cast<double>(box[0] * box[1] * box[2]) * products > 2 * min_products) {
    if (!halve(0, 1) && !halve(1, min_rows) && !(outputs[1] == 1 && halve(2, 512))) break;
  }
  return box;
}

}  // namespace faltung::direct
