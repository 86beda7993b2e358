#pragma once

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/extended_input.hpp"

namespace faltung {

/// For each of `count` positions of a row of the extended input, `step` apart, 1 if something
/// stands there, else 0: with zeros beside the input and between its elements the definition has no
/// products, which shows where those are infinite.
///
/// @param axis   the last one
/// @param place  what the others make of the row
inline void mark_present(const Axis& axis, const RowPlace& place, std::int64_t first,
                         std::int64_t step, std::int64_t count, std::uint8_t* to) {
  const bool constant = place.kind == RowPlace::Kind::constant;
  std::fill_n(to, count, static_cast<std::uint8_t>(constant ? 1 : 0));
  if (constant || place.kind == RowPlace::Kind::nothing) return;
  walk_axis(
      axis, first, step, count,
      [&](std::int64_t i, std::int64_t i_step, std::int64_t n, std::int64_t, std::int64_t) {
        if (place.kind != RowPlace::Kind::elements) return;
        if (i_step == 1) {
          std::fill_n(to + i, n, std::uint8_t{1});
        } else {
          for (std::int64_t t = 0; t < n; ++t) to[i + t * i_step] = 1;
        }
      },
      [&](std::int64_t i, const Boundary&) { to[i] = 1; });
}

}  // namespace faltung
