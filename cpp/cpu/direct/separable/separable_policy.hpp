#pragma once

#include <algorithm>
#include <cstdint>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {

/// How the separable path cuts the work. Changes speed, never results.
///
/// A box is computed by walking along its slowest filtered axis. A slice is what one place of that
/// axis needs: a row of a plane, or a plane of a volume, already summed along its own axes.
struct SeparablePolicy {
  std::size_t walk;   ///< the axis walked along: 0 in volumes, else 1
  Box box;            ///< outputs of one block
  std::int64_t step;  ///< outputs along the walk between two moves of the slices kept
};

/// Values from one row of a slice to the next: an odd number of cache lines, so that the rows that
/// one output reads do not share sets of a cache.
constexpr std::int64_t slice_pitch(std::int64_t columns) {
  return ceil_divide(columns, 16) * 16 + (ceil_divide(columns, 16) % 2 == 0 ? 16 : 32);
}

/// Values of one slice.
constexpr std::int64_t slice_values(const SeparablePolicy& s) {
  return (s.walk == 0 ? s.box[1] : 1) * slice_pitch(s.box[2]);
}

/// Values of the slices kept at once.
inline std::int64_t kept_values(const ThreeAxes& t, const SeparablePolicy& s) {
  return (t.axes[s.walk].filter - 1 + s.step) * slice_values(s);
}

/// @param images  batch times output channels
/// @param bytes   of a value
inline SeparablePolicy choose_separable(const ThreeAxes& t, std::int64_t images,
                                        std::int64_t bytes) {
  const std::int64_t cache_bytes = cpu_machine().l2_bytes / 2;
  constexpr std::int64_t enough_blocks = 8;
  const bool volume = t.axes[0].filter > 1;
  SeparablePolicy s{.walk = volume ? 0u : 1u, .box = {}, .step = 0};
  const std::array<std::int64_t, 3> outputs = {t.axes[0].output(), t.axes[1].output(),
                                               t.axes[2].output()};
  const std::int64_t taps = t.axes[s.walk].filter;
  // Equal strips, so that none is left over that is mostly frame.
  const auto part = [](std::int64_t extent, std::int64_t max) {
    return ceil_divide(extent, ceil_divide(extent, max));
  };
  s.step = std::max<std::int64_t>(volume ? 8 : 16, taps - 1);
  // Wide strips touch few pages: 2048 x 2048 took 1.9 times as long in strips of 128 columns as in
  // whole rows, 1.3 times in strips of 512.
  s.box = {1, volume ? part(outputs[1], 64) : 1, part(outputs[2], volume ? 256 : 4096)};
  const auto too_large = [&] { return kept_values(t, s) * bytes > cache_bytes; };
  while (too_large() && s.box[2] > 128) s.box[2] = ceil_divide(s.box[2], 2);
  while (too_large() && s.step > 8) s.step = std::max<std::int64_t>(8, s.step / 2);
  while (too_large() && s.box[1] > 16) s.box[1] = ceil_divide(s.box[1], 2);
  while (too_large() && s.box[2] > 32) s.box[2] = ceil_divide(s.box[2], 2);

  // Every block sums the slices before its first output again: a sixth more work at most.
  s.box[s.walk] = outputs[s.walk];
  const auto blocks = [&] {
    return images * ceil_divide(outputs[0], s.box[0]) * ceil_divide(outputs[1], s.box[1]) *
           ceil_divide(outputs[2], s.box[2]);
  };
  const auto halve = [&](std::size_t a) {
    const std::int64_t min = std::max<std::int64_t>(8, 6 * (t.axes[a].filter - 1));
    if (s.box[a] < 2 * min) return false;
    s.box[a] = ceil_divide(s.box[a], 2);
    return true;
  };
  while (blocks() < enough_blocks && (halve(s.walk) || (volume && halve(1)))) {
  }
  return s;
}

/// Whether the slices of a block fit in memory kept for them: not for filters of many thousand
/// taps.
inline bool slices_fit(const ThreeAxes& t, std::int64_t bytes) {
  constexpr std::int64_t max_bytes = 16 * 1024 * 1024;
  constexpr std::int64_t max_taps = max_bytes / 64;  // so that nothing overflows
  return std::ranges::all_of(t.axes, [](const Axis& axis) { return axis.filter <= max_taps; }) &&
         kept_values(t, choose_separable(t, 1, bytes)) * bytes <= max_bytes;
}

/// Microseconds of one thread: what is read into rows and stored, and the products along the axes,
/// of which all but the last are formed again where blocks overlap. Fitted to one Zen 4 core with
/// flushed caches, 2 to 25 taps a side; results of 8 MiB and more take less. Sums along x share
/// units with the shifts that put their vectors together.
inline double separable_us(const Problem& p) {
  constexpr double read_cycles = 1.48;
  constexpr double store_cycles = 1.85;
  constexpr double row_cycles = 111;
  constexpr double along_x = 1.15;  // times product_ns
  constexpr double across = 1.0;
  const ThreeAxes t(p);
  const std::int64_t images = p.batch * p.out_channels;
  const auto bytes = static_cast<std::int64_t>(size_of(p.accumulator));
  const SeparablePolicy s = choose_separable(t, images, bytes);
  const auto count = [&](std::size_t a) { return static_cast<double>(t.axes[a].output()); };
  const auto taps = [&](std::size_t a) { return static_cast<double>(t.axes[a].filter); };
  const auto overlap = [&](std::size_t a) {
    return 1 + (taps(a) - 1) / static_cast<double>(s.box[a]);
  };
  const double outputs = static_cast<double>(images) * count(0) * count(1) * count(2);
  const double read = outputs * overlap(0) * overlap(1) * overlap(2);
  double products = along_x * overlap(0) * overlap(1) * taps(2);
  if (s.walk == 0) products += across * overlap(0) * taps(1);
  products += across * taps(s.walk);
  const CpuMachine& machine = cpu_machine();
  const double vectors = count(2) / machine.lanes(4);
  const double full = std::ceil(vectors) / vectors;
  const double cycles =
      outputs * store_cycles + read * read_cycles + outputs / count(2) * row_cycles;
  return 1e-3 * (outputs * full * products * machine.product_ns(p.accumulator) +
                 cycles * machine.cycle_ns());
}

}  // namespace faltung::direct
