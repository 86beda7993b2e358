#pragma once

#include <cstdint>
#include <faltung/boundary.hpp>
#include <faltung/extents.hpp>
#include <faltung/nn.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/problem.hpp>
#include <string>

/// Values of options as text. `option` is the option's name for messages, "--stride".
///
/// All functions throw InvalidProblem naming the option, the text and the rule.
namespace faltung::tools {

/// "2" for all axes, or "1,2,1": one for each.
[[nodiscard]] PerAxis<std::int64_t> parse_integers(const std::string& option,
                                                   const std::string& text);

/// "100": a whole number of at least 0.
[[nodiscard]] std::uint64_t parse_count(const std::string& option, const std::string& text);

/// "2,3,5,5": a shape of at least one axis, no extent negative.
[[nodiscard]] Shape parse_shape(const std::string& option, const std::string& text);

/// "1", "1,2", "0:1,2:-1" (before and behind, negative ones crop), "valid", "same-upper",
/// "same-lower" or "causal".
[[nodiscard]] nn::Padding parse_padding(const std::string& option, const std::string& text);

/// "reflect" for all axes, or "wrap,constant:1.5": one for each; complex values in parentheses.
[[nodiscard]] PerAxis<Boundary> parse_boundaries(const std::string& option,
                                                 const std::string& text);

/// "none", "relu", "leaky_relu:0.1", "gelu", "silu" or "clamp:0,6"; parentheses as in the problem
/// notation are read too.
[[nodiscard]] Activation parse_activation(const std::string& option, const std::string& text);

/// "3.5": a finite number of at least `low` and at most `high`.
[[nodiscard]] double parse_number(const std::string& option, const std::string& text, double low,
                                  double high);

}  // namespace faltung::tools
