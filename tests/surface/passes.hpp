#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/image.hpp>
#include "tests/surface/case.hpp"

namespace faltung::test::surface {

/// An image between two passes. `sizes` is what |x| becomes under the magnitudes of all taps so
/// far; an element whose error is infinite may be anything.
struct Image {
  DType type;
  std::vector<Value> values;
  std::vector<long double> sizes;
};

/// A line of taps to correlate with.
struct Step {
  std::size_t axis = 0;
  std::vector<double> taps = {};
  std::int64_t origin = 0;
  Boundary boundary = {};
};

/// The options that all filters of lines share.
struct Setting {
  Shape shape;
  DType result;
  std::optional<DType> accumulator;
  image::Store store;
};

/// All lines in turn, each result stored in the result's type; the last adds `before`.
[[nodiscard]] Image filtered(Image image, const Setting& setting, const std::vector<Step>& steps,
                             const std::vector<Value>* before = nullptr);
/// The mean of the window that the step's taps stand for.
///
/// @param exact  quotients of integers are exact before they are stored
[[nodiscard]] Image mean(const Image& image, const Setting& setting, const Step& step, bool exact);
/// A copy in the result's type.
[[nodiscard]] Image stored_copy(const Image& image, const Setting& setting);
/// The sum of the terms, each of them lines in turn and stored.
[[nodiscard]] Image summed(const Image& x, const Setting& setting,
                           const std::vector<std::vector<Step>>& terms);
/// The root of the sum of the squared terms, every step stored.
[[nodiscard]] Image length(const Image& x, const Setting& setting,
                           const std::vector<std::vector<Step>>& terms);

}  // namespace faltung::test::surface
