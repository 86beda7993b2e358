#include "cpp/cpu/flatten.hpp"

#include "cpp/core/geometry.hpp"

namespace faltung {
namespace {

bool meets_every_element(const Axis& axis) {
  return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
         axis.pad_hi == 0;
}

bool steps_alike(const Problem& p, const TensorStrides& strides, std::size_t axis) {
  return p.axes[axis].input == 1 ||
         strides.spatial[axis] == strides.spatial[axis + 1] * p.axes[axis + 1].input;
}

// Strides in layout order without those of a spatial axis; none stay none.
Strides without(const Problem& p, const Strides& strides, std::size_t axis) {
  const std::size_t left_out = axis + (p.layout == Layout::channels_last ? 1 : 2);
  Strides result;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    if (i != left_out) result.push_back(strides[i]);
  }
  return result;
}

}  // namespace

Problem flattened(const Problem& p) {
  Problem q = p;
  for (std::size_t a = p.rank(); a-- > 1;) {
    const std::size_t slow = a - 1;
    if (!meets_every_element(q.axes[slow]) || !meets_every_element(q.axes[a]) ||
        !steps_alike(q, x_strides(q), slow) || !steps_alike(q, y_strides(q), slow)) {
      continue;
    }
    for (Strides* strides : {&q.x_strides, &q.w_strides, &q.y_strides}) {
      *strides = without(q, *strides, slow);
    }
    q.axes[a].input *= q.axes[slow].input;
    q.axes.erase(q.axes.begin() + static_cast<std::ptrdiff_t>(slow));
  }
  return q;
}

}  // namespace faltung
