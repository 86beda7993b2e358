#pragma once

#include <cstddef>
#include <cstdint>

#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {

/// Which taps share packed values. The outputs of a box are counted row by row without gaps; so
/// along its slowest axis, a tap that lies `step` outputs further reads the same values, that many
/// lines of outputs further. Taps of the other axes have copies of their own.
struct PanelBands {
  std::size_t axis;     ///< the slowest along which the box has several outputs
  std::int64_t phases;  ///< taps r, r + phases, ... of that axis share a band
  std::int64_t step;    ///< in outputs, from one of them to the next
  std::int64_t line;    ///< outputs of the faster axes
  std::int64_t others;  ///< taps of the other axes

  PanelBands(const ThreeAxes& t, const Box& box);

  [[nodiscard]] std::int64_t count() const { return others * phases; }
  /// Lines that a band has beyond those of the outputs.
  [[nodiscard]] std::int64_t extra(std::int64_t phase) const {
    return (ceil_divide(taps_ - phase, phases) - 1) * step;
  }
  [[nodiscard]] std::int64_t max_extra() const { return extra(0); }
  /// Values of all bands of a channel, for so many outputs along the axis.
  [[nodiscard]] std::int64_t values(std::int64_t outputs) const;

 private:
  std::int64_t taps_;
};

}  // namespace faltung::direct
