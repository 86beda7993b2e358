#include "cpp/cpu/direct/layers/panel_bands.hpp"

#include <algorithm>
#include <numeric>

namespace faltung::direct {

PanelBands::PanelBands(const ThreeAxes& t, const Box& box) : axis(0), line(1), others(1) {
  while (axis < 2 && box[axis] == 1) ++axis;
  for (std::size_t a = 0; a < 3; ++a) {
    if (a > axis) line *= box[a];
    if (a != axis) others *= t.axes[a].filter;
  }
  const Axis& shared = t.axes[axis];
  taps_ = shared.filter;
  phases = std::min(taps_, shared.stride / std::gcd(shared.stride, shared.dilation));
  step = phases == taps_ ? 0 : phases * shared.dilation / shared.stride;
  // Far apart, they meet few values twice.
  if (values(box[axis]) >= others * taps_ * box[axis] * line) {
    phases = taps_;
    step = 0;
  }
}

std::int64_t PanelBands::values(std::int64_t outputs) const {
  std::int64_t lines = phases * outputs;
  for (std::int64_t phase = 0; phase < phases; ++phase) lines += extra(phase);
  return others * lines * line;
}

}  // namespace faltung::direct
