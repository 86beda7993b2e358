#pragma once

#include <cstddef>
#include <faltung/error.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor_view.hpp>
#include <string>
#include <string_view>

#include "cpp/core/message.hpp"
#include "cpp/core/text.hpp"

namespace faltung::rules {

inline std::string shown(double value) { return format_real(value); }
inline std::string_view shown(DType value) { return name(value); }
template <typename T>
const T& shown(const T& value) {
  return value;
}

/// @throws InvalidProblem with all parts joined; reals print exactly, types by name.
template <typename... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  throw InvalidProblem(message(shown(parts)...));
}

/// Which types may meet, and that integer sums are exact. The geometry must be valid.
void check_types(const Problem& problem);

/// A rule for one side ("below", "above") of an axis of `type`: a value only for `constant`, and
/// one that the type can hold.
void check_boundary(std::size_t index, std::string_view side, const Boundary& rule, DType type);

/// Sizes and strides of a tensor of any rank: bytes that can be counted and, if it is `written`, no
/// two elements at one address.
void check_strides(std::string_view name, const ConstTensorView& view, bool written);

/// Whether no sum of this many products of two integer operands leaves the integer accumulator. The
/// geometry must be valid.
[[nodiscard]] bool integer_sums_fit(const Problem& problem);

/// Scales, bias and activation against the accumulator and the result.
void check_epilogue(const Problem& problem);

}  // namespace faltung::rules
