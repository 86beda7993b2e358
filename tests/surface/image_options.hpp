#pragma once

#include <cstddef>
#include <vector>

#include <faltung/image.hpp>
#include "cpp/frontend/image_pass.hpp"
#include "tests/surface/case.hpp"
#include "tests/surface/compare.hpp"
#include "tests/surface/definition.hpp"

namespace faltung::test::surface {

/// The axes that a case names, or all, counted from the front.
[[nodiscard]] std::vector<std::size_t> filtered_axes(const Case& c, std::size_t rank);
[[nodiscard]] image::Store store_of(const Case& c);
/// One filtered axis of an image of extent n.
[[nodiscard]] Line image_line(bool convolves, std::int64_t n, std::int64_t taps,
                              std::int64_t origin, const Boundary& boundary);
/// The filter with one axis for each of x, those of extent 1 where it does not filter.
[[nodiscard]] Grid filter_over(const Grid& w, const std::vector<std::size_t>& axes,
                               std::size_t rank);
/// The rule of one filter as the library plans it for this geometry.
///
/// @param axes  those that the axes of w stand for, in their order
[[nodiscard]] Rule rule_of_pass(const image::Call& call, const ConstTensorView& x, const Operand& w,
                                const TensorView& y, const Geometry& geometry,
                                const std::vector<std::size_t>& axes, bool convolves);

}  // namespace faltung::test::surface
