#include <faltung/data_range.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <faltung/error.hpp>
#include "cpp/core/element.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {
namespace {

struct Magnitudes {
  double smallest = std::numeric_limits<double>::infinity(), largest = 0, norm = 0;
};

// Squares are scaled by the largest magnitude: they neither overflow nor vanish.
Magnitudes magnitudes_of(const ConstTensorView& view) {
  Magnitudes found;
  double squares = 0;
  visit_dtype(view.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* data = static_cast<const T*>(view.data);
    for_each_index(view.shape, [&](std::int64_t, const Extents& index) {
      const double size =
          std::abs(load_element<std::complex<double>>(data[offset_of(index, view.strides)]));
      if (size == 0 || !std::isfinite(size)) return;
      found.smallest = std::min(found.smallest, size);
      if (size > found.largest) {
        squares *= (found.largest / size) * (found.largest / size);
        found.largest = size;
      }
      squares += (size / found.largest) * (size / found.largest);
    });
  });
  found.norm = found.largest * std::sqrt(squares);
  if (found.largest == 0) found.smallest = 0;
  return found;
}

}  // namespace

DataRange data_range(const Plan& plan, const ConstTensorView& first,
                     const ConstTensorView& second) {
  const Problem& p = plan.problem();
  const bool of_data = p.pass == Pass::backward_data;
  check_view(first, of_data ? y_rule(p) : x_rule(p), Device::cpu());
  check_view(second, p.pass == Pass::backward_filter ? y_rule(p) : w_rule(p), Device::cpu());
  const Magnitudes x = magnitudes_of(first), w = magnitudes_of(second);
  const ErrorBound bound = plan.error_bound();
  DataRange range{.smallest = x.smallest, .largest = x.largest};
  range.error = bound.constant * x.norm * w.norm;
  if (bound.kind == ErrorBound::Kind::elementwise) range.ratio = bound.constant;
  if (bound.kind == ErrorBound::Kind::normwise && range.error > 0) {
    range.ratio = range.error / x.smallest / w.largest;
  }
  return range;
}

std::string to_string(const DataRange& range) {
  return message("data from ", range.smallest, " to ", range.largest, ": a result may be off by ",
                 range.error, ", one of the smallest data by ", range.ratio,
                 " times what it is made of",
                 range.ratio >= 1 ? "; accuracy=elementwise keeps it" : "");
}

}  // namespace faltung
