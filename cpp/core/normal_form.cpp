#include "cpp/core/normal_form.hpp"

#include <utility>
#include <vector>

namespace faltung {
namespace {

// Nothing outside is read, and every stride leads from the one element to none.
bool is_unit(const Axis& axis) {
  return axis.input == 1 && axis.filter == 1 && axis.pad_lo == 0 && axis.pad_hi == 0;
}

Strides without(const Strides& strides, std::size_t index) {
  Strides rest;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    if (i != index) rest.push_back(strides[i]);
  }
  return rest;
}

// One tap, and every element is met once: nothing outside is read.
bool meets_every_element(const Axis& axis) {
  return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
         axis.pad_hi == 0;
}

// Whether elements of two axes lie as those of one would.
bool steps_alike(const Strides& strides, const Shape& shape, std::size_t slow) {
  const Strides all = strides.empty() ? compact_strides(shape) : strides;
  return all[slow] == all[slow + 1] * shape[slow + 1];
}

// Neighbouring axes with one tap are one longer axis. Whether there are any.
bool join_axes(Problem& p, std::size_t first_axis) {
  bool any = false;
  for (std::size_t i = p.rank(); i-- > 1;) {
    if (!meets_every_element(p.axes[i - 1]) || !meets_every_element(p.axes[i])) continue;
    const std::size_t slow = first_axis + i - 1;
    if (!steps_alike(p.x_strides, p.x_shape(), slow) ||
        !steps_alike(p.y_strides, p.y_shape(), slow)) {
      continue;
    }
    p.axes[i].input *= p.axes[i - 1].input;
    p.axes.erase(p.axes.begin() + static_cast<std::ptrdiff_t>(i) - 1);
    for (Strides* strides : {&p.x_strides, &p.w_strides, &p.y_strides}) {
      if (!strides->empty()) *strides = without(*strides, slow);
    }
    any = true;
  }
  return any;
}

// Axes of one element may have any stride, but for the result none is asked.
void leave_out_compact(Strides& strides, const Shape& shape) {
  if (!strides.empty() && strides == compact_strides(shape)) strides = {};
}

}  // namespace

Problem normal_form(const Problem& problem) {
  Problem p = problem;
  const std::size_t first_axis = p.layout == Layout::channels_first ? 2 : 1;
  for (std::size_t i = p.rank(); i-- > 0 && p.rank() > 1;) {
    if (!is_unit(p.axes[i])) continue;
    p.axes.erase(p.axes.begin() + static_cast<std::ptrdiff_t>(i));
    for (Strides* strides : {&p.x_strides, &p.w_strides, &p.y_strides}) {
      if (!strides->empty()) *strides = without(*strides, first_axis + i);
    }
  }
  // Their bits are the same in any order.
  if (is_integer(p.accumulator) && p.math == Math::reproducible) p.math = Math::strict;
  leave_out_compact(p.x_strides, p.x_shape());
  leave_out_compact(p.w_strides, p.w_shape());
  leave_out_compact(p.y_strides, p.y_shape());
  if (join_axes(p, first_axis)) return normal_form(p);  // its strides may be compact now
  return p;
}

}  // namespace faltung
