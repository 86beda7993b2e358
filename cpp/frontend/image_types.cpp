// Which types a pass sums in; docs/promotion.md has the table.

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/core/element.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

DType widest_float(std::initializer_list<DType> types) {
  const bool wide = std::ranges::any_of(types, [](DType type) {
    return type == f64 || type == c128 || (is_integer(type) && size_of(type) > 2);
  });
  return wide ? f64 : f32;
}

// What the elements of a filter have in common. Comparing in double would take 2^63 - 1 for 2^63.
struct Range {
  WideSigned low = 0;
  WideSigned high = 0;
  bool whole = true;

  void add(WideSigned value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void add(double value) {
    whole = whole && std::isfinite(value) && std::trunc(value) == value;
    // Beyond 2^64 all are alike: too large for every type.
    if (whole) add(static_cast<WideSigned>(std::clamp(value, -0x1p64, 0x1p64)));
  }
};

Range range_of(const ConstTensorView& w) {
  Range range;
  visit_dtype(w.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_index(w.shape, [&](std::int64_t, const Extents& index) {
      const T value = static_cast<const T*>(w.data)[offset_of(index, w.strides)];
      if constexpr (is_integer(dtype_of<T>)) {
        range.add(static_cast<WideSigned>(value));
      } else if constexpr (!is_complex(dtype_of<T>)) {
        range.add(static_cast<double>(value));
      }
    });
  });
  return range;
}

}  // namespace

std::optional<DType> whole_type(const ConstTensorView& w, Overflow overflow) {
  if (w.device.kind != DeviceKind::cpu || is_complex(w.dtype)) return std::nullopt;
  const Range range = range_of(w);
  if (!range.whole) return std::nullopt;
  for (const DType type : {i8, i16, i32, i64}) {
    const WideSigned past = WideSigned{1} << (8 * size_of(type) - 1);
    if (range.low >= -past && range.high < past) return type;
  }
  // Sums that wrap need the weights modulo 2^64 only.
  if (overflow == Overflow::wrap) return i64;
  return std::nullopt;
}

Tensor copy_weights(const ConstTensorView& w, DType type) {
  if (type != i64 || is_integer(w.dtype)) return compact_copy(w, type);
  const Tensor values = compact_copy(w, f64);
  Tensor result(i64, w.shape);
  std::ranges::transform(
      values.values<double>(), result.values<std::int64_t>().begin(),
      [](double value) { return store_rounded<std::int64_t>(value, StoreRule{}); });
  return result;
}

SumTypes sum_types(DType x, DType y, bool complex_weights, std::optional<DType> whole,
                   const FilterPass& pass, const Call& call) {
  if (whole && is_integer(x) && is_integer(y) && pass.alpha == 1 &&
      (pass.beta == 0 || pass.beta == 1)) {
    return {*whole, default_accumulator(x, *whole, y)};
  }
  // Rounding turns the last bit of a sum into a whole unit, so integers get what ndimage uses.
  DType real = is_integer(y) ? f64 : widest_float({x, y});
  if (call.accumulator) real = *call.accumulator;
  const DType complex = real == f64 ? c128 : c64;
  return {complex_weights ? complex : real, is_complex(y) ? complex : real};
}

SumTypes saturating_types(const Problem& problem, SumTypes types) {
  for (const DType accumulator : {i32, i64}) {
    if (size_of(accumulator) < size_of(types.accumulator)) continue;
    Problem trial = problem;
    trial.filter = types.filter;
    trial.accumulator = accumulator;
    if (rules::integer_sums_fit(trial)) return {types.filter, accumulator};
  }
  return {f64, f64};
}

}  // namespace faltung::image
