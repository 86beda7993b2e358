#include <faltung/extents.hpp>

#include <ostream>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung {

void Extents::throw_too_long() {
  throw InvalidProblem(message("a shape has more than ", max_rank, " axes; at most ", max_rank,
                               " are supported: merge axes or loop over the outer ones"));
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  bool overflow = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      throw InvalidProblem(message("shape ", shape, " has a negative extent ", extent,
                                   "; every extent must be 0 or more"));
    }
    empty |= extent == 0;
    overflow |= __builtin_mul_overflow(count, extent, &count);
  }
  if (empty) return 0;
  if (overflow) {
    throw InvalidProblem(
        message("shape ", shape, " has more than 2^63 - 1 elements; split it into smaller ones"));
  }
  return count;
}

Strides compact_strides(const Shape& shape) {
  Strides strides = shape;
  std::int64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    // Saturating: with an extent of 0 elsewhere the product may overflow, and is then never used.
    if (__builtin_mul_overflow(step, std::max<std::int64_t>(shape[i], 1), &step)) {
      step = INT64_MAX;
    }
  }
  return strides;
}

std::ostream& operator<<(std::ostream& os, const Extents& extents) {
  // Through text, because the stream's locale may group digits.
  std::string text;
  for (const std::int64_t extent : extents) {
    if (!text.empty()) text += 'x';
    text += std::to_string(extent);
  }
  return os << (text.empty() ? "scalar" : text);
}

}  // namespace faltung
