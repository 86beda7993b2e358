#include "cpp/cpu/mean/line_places.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cpp/core/strided.hpp"

namespace faltung::mean {

LinePlaces::LinePlaces(const ConstTensorView& x, const TensorView& y, std::size_t along)
    : x_(static_cast<const std::byte*>(x.data)), y_(static_cast<std::byte*>(y.data)) {
  const auto x_bytes = static_cast<std::int64_t>(size_of(x.dtype));
  const auto y_bytes = static_cast<std::int64_t>(size_of(y.dtype));
  from = {.unit = x_bytes, .step = x.strides[along] * x_bytes};
  to = {.unit = y_bytes, .step = y.strides[along] * y_bytes};
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < x.shape.size(); ++axis) {
    if (axis != along && x.shape[axis] != 1) axes.push_back(axis);
  }
  std::ranges::stable_sort(axes, std::ranges::greater(),
                           [&](std::size_t axis) { return std::abs(y.strides[axis]); });
  for (const std::size_t axis : axes) {
    add_axis(x.shape[axis], x.strides[axis] * x_bytes, y.strides[axis] * y_bytes);
  }
  if (across_.empty()) add_axis(1, 0, 0);
}

void LinePlaces::add_axis(std::int64_t extent, std::int64_t x_step, std::int64_t y_step) {
  if (!across_.empty()) {
    const std::size_t last = across_.size() - 1;
    if (x_steps_[last] == extent * x_step && y_steps_[last] == extent * y_step) {
      across_[last] *= extent;
      x_steps_[last] = x_step;
      y_steps_[last] = y_step;
      return;
    }
  }
  across_.push_back(extent);
  x_steps_.push_back(x_step);
  y_steps_.push_back(y_step);
}

std::int64_t LinePlaces::count() const { return element_count(across_); }

void LinePlaces::find(std::int64_t first, std::int64_t count, std::int64_t result,
                      const std::byte** from_lines, std::byte** to_lines) const {
  const std::size_t fastest = across_.size() - 1;
  for (std::int64_t done = 0; done < count;) {
    Extents index = Extents::filled(across_.size(), 0);
    std::int64_t rest = first + done;
    for (std::size_t axis = across_.size(); axis-- > 0; rest /= across_[axis]) {
      index[axis] = rest % across_[axis];
    }
    const std::byte* const x = x_ + offset_of(index, x_steps_);
    std::byte* const y = y_ + offset_of(index, y_steps_) + result * to.step;
    const std::int64_t run = std::min(count - done, across_[fastest] - index[fastest]);
    for (std::int64_t l = 0; l < run; ++l) from_lines[done + l] = x + l * x_steps_[fastest];
    for (std::int64_t l = 0; l < run; ++l) to_lines[done + l] = y + l * y_steps_[fastest];
    done += run;
  }
}

}  // namespace faltung::mean
