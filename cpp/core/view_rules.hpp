#pragma once

#include <string_view>

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// The bytes between the lowest and the highest address a view touches; empty if it has none.
struct ByteSpan {
  const std::byte* begin = nullptr;
  const std::byte* end = nullptr;
};

[[nodiscard]] ByteSpan byte_span(const ConstTensorView& view);

/// What a problem demands of one operand.
struct ViewRule {
  std::string_view name;  ///< "x", "dw", "bias": used in messages
  DType dtype;
  Shape shape;
  Strides strides;  ///< empty = compact
};

/// The rule for x, w or y of a problem under the name the pass gives it.
[[nodiscard]] ViewRule x_rule(const Problem& problem);
[[nodiscard]] ViewRule w_rule(const Problem& problem);
[[nodiscard]] ViewRule y_rule(const Problem& problem);

/// @throws InvalidProblem naming the operand, what it has and what the problem says.
void check_view(const ConstTensorView& view, const ViewRule& rule, const Device& device);

/// Whether an operand that may be left out is there: `{}` and an empty Tensor stand for none.
/// A pointer without elements, or elements without a pointer, are mistakes that check_view names.
[[nodiscard]] bool is_given(const ConstTensorView& view);

/// @throws InvalidProblem if `written` shares a byte with `read`, or may: see overlap.hpp.
void check_apart(const ConstTensorView& written, std::string_view written_name,
                 const ConstTensorView& read, std::string_view read_name,
                 std::string_view way_out = "the result needs memory of its own");

}  // namespace faltung
