#pragma once

#include <string_view>

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// The bytes between the lowest and the highest address a view touches; empty if it has none.
struct ByteSpan {
  const std::byte* begin = nullptr;
  const std::byte* end = nullptr;
  [[nodiscard]] bool overlaps(const ByteSpan& other) const noexcept {
    return begin < other.end && other.begin < end;
  }
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

/// @throws InvalidProblem if `written` shares bytes with `read`.
void check_apart(const ConstTensorView& written, std::string_view written_name,
                 const ConstTensorView& read, std::string_view read_name);

}  // namespace faltung
