#pragma once

#include <cstddef>
#include <vector>

#include <faltung/image.hpp>
#include "tests/surface/case.hpp"
#include "tests/surface/definition.hpp"

namespace faltung::test::surface {

/// The axes that a case names, or all, counted from the front.
[[nodiscard]] std::vector<std::size_t> filtered_axes(const Case& c, std::size_t rank);
[[nodiscard]] image::Store store_of(const Case& c);
/// One filtered axis of an image of extent n.
[[nodiscard]] Line image_line(bool convolves, std::int64_t n, std::int64_t taps,
                              std::int64_t origin, const Boundary& boundary);

}  // namespace faltung::test::surface
