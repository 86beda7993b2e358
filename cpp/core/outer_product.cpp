#include "cpp/core/outer_product.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "cpp/core/strided.hpp"

namespace faltung {
namespace {

// Numerators and denominators of products of whole numbers this small differ by more than double
// rounds.
constexpr double most_whole = 0x1p20;

double tolerance_of(DType type, std::size_t rank) {
  const double roundoff = is_integer(type) ? 0x1p-53 : unit_roundoff(type);
  return 2 * static_cast<double>(rank + 1) * std::max(roundoff, 0x1p-53);
}

}  // namespace

std::optional<std::vector<std::vector<double>>> outer_factors(const ConstTensorView& w) {
  if (is_complex(w.dtype) || element_count(w.shape) == 0 || w.shape.empty()) return std::nullopt;
  const Tensor copy = compact_copy(w, DType::f64);
  const auto taps = copy.values<double>();
  Extents at = Extents::filled(w.shape.size(), 0);
  double largest = -1;
  bool usable = true;
  for_each_index(w.shape, [&](std::int64_t position, const Extents& index) {
    const double size = std::abs(taps[static_cast<std::size_t>(position)]);
    usable = usable && std::isfinite(size) && (!is_integer(w.dtype) || size <= most_whole);
    if (size <= largest) return;
    largest = size;
    at = index;
  });
  if (!usable) return std::nullopt;

  const Strides strides = compact_strides(w.shape);
  const double pivot = taps[static_cast<std::size_t>(offset_of(at, strides))];
  std::vector<std::vector<double>> factors;
  for (std::size_t axis = 0; axis < w.shape.size(); ++axis) {
    std::vector<double> line;
    Extents index = at;
    for (index[axis] = 0; index[axis] < w.shape[axis]; ++index[axis]) {
      const double tap = taps[static_cast<std::size_t>(offset_of(index, strides))];
      line.push_back(axis + 1 == w.shape.size() || pivot == 0 ? tap : tap / pivot);
    }
    factors.push_back(std::move(line));
  }

  bool equal = true;
  const double tolerance = tolerance_of(w.dtype, w.shape.size());
  for_each_index(w.shape, [&](std::int64_t position, const Extents& index) {
    double product = 1;
    for (std::size_t axis = 0; axis < factors.size(); ++axis) {
      product *= factors[axis][static_cast<std::size_t>(index[axis])];
    }
    const double tap = taps[static_cast<std::size_t>(position)];
    equal = equal && std::abs(product - tap) <= tolerance * std::abs(tap);
  });
  if (!equal) return std::nullopt;
  return factors;
}

}  // namespace faltung
