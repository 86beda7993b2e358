#pragma once

#include <complex>
#include <cstdint>
#include <faltung/boundary.hpp>
#include <faltung/dtype.hpp>
#include <faltung/error.hpp>
#include <faltung/extents.hpp>
#include <faltung/nn.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/problem.hpp>
#include <string>
#include <vector>

/// Values of options as text. `option` is the option's name for messages, "--stride".
///
/// All functions throw InvalidProblem naming the option, the text and the rule.
namespace faltung::tools {

/// "2" for all axes, or "1,2,1": one for each.
[[nodiscard]] PerAxis<std::int64_t> parse_integers(const std::string& option,
                                                   const std::string& text);

/// "-1": one whole number.
[[nodiscard]] std::int64_t parse_integer(const std::string& option, const std::string& text);

/// "-1": an axis of an array that has at most 8, negative ones counted from the last.
[[nodiscard]] std::int64_t parse_axis(const std::string& option, const std::string& text);

/// "0,-1": several of them.
[[nodiscard]] std::vector<std::int64_t> parse_axes(const std::string& option,
                                                   const std::string& text);

/// "100": a whole number of at least 0.
[[nodiscard]] std::uint64_t parse_count(const std::string& option, const std::string& text);

/// "2,3,5,5": a shape of at least one axis, no extent negative.
[[nodiscard]] Shape parse_shape(const std::string& option, const std::string& text);

/// "1", "1,2", "0:1,2:-1" (before and after, negative ones crop), "valid", "same-upper",
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

/// "1.5" for all axes, or "1,0,2": one for each; within the same bounds.
[[nodiscard]] PerAxis<double> parse_numbers(const std::string& option, const std::string& text,
                                            double low, double high);

/// "1.5", "nan", or "1,-2" for 1 - 2i.
[[nodiscard]] std::complex<double> parse_complex(const std::string& option,
                                                 const std::string& text);

/// "f32", "u8", ...: a type that .npy files have.
[[nodiscard]] DType parse_npy_dtype(const std::string& option, const std::string& text);

/// What `parse` makes of the text; the option is named in what it throws.
template <typename Parse>
[[nodiscard]] auto parse_with(Parse parse, const std::string& option, const std::string& text) {
  try {
    return parse(text);
  } catch (const InvalidProblem& error) {
    throw InvalidProblem(option + " " + text + ": " + error.what());
  }
}

}  // namespace faltung::tools
