#include "cpp/tools/support/options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <faltung/error.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace faltung::tools {
namespace {

[[noreturn]] void refuse(const std::string& option, std::string_view text,
                         const std::string& rule) {
  throw InvalidProblem(fmt::format("{} {}: {}", option, text.empty() ? "''" : text, rule));
}

/// The pieces between separators that stand outside parentheses; at least one.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (text[i] != separator || depth > 0) continue;
    pieces.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  pieces.push_back(text.substr(start));
  return pieces;
}

/// The whole of `piece` as a number.
template <typename T>
bool read(std::string_view piece, T& value) {
  const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
  return error == std::errc{} && end == piece.data() + piece.size() && !piece.empty();
}

std::int64_t integer(const std::string& option, std::string_view text, std::string_view piece) {
  std::int64_t value = 0;
  if (!read(piece, value)) {
    refuse(option, text, fmt::format("'{}' is not a whole number of at most 64 bits", piece));
  }
  return value;
}

double number(const std::string& option, std::string_view text, std::string_view piece, double low,
              double high) {
  double value = 0;
  if (read(piece, value) && std::isfinite(value) && value >= low && value <= high) return value;
  const std::string range = std::isinf(high) ? fmt::format("of at least {}", low)
                                             : fmt::format("from {} to {}", low, high);
  refuse(option, text, fmt::format("must be a number {}", range));
}

}  // namespace

PerAxis<std::int64_t> parse_integers(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> values;
  for (const std::string_view piece : split(text, ',')) {
    values.push_back(integer(option, text, piece));
  }
  return values;
}

std::int64_t parse_integer(const std::string& option, const std::string& text) {
  return integer(option, text, text);
}

std::int64_t parse_axis(const std::string& option, const std::string& text) {
  const std::vector<std::int64_t> axes = parse_axes(option, text);
  if (axes.size() != 1) refuse(option, text, "names one axis");
  return axes.front();
}

std::vector<std::int64_t> parse_axes(const std::string& option, const std::string& text) {
  constexpr auto max = static_cast<std::int64_t>(Shape::max_rank);
  std::vector<std::int64_t> axes;
  const PerAxis<std::int64_t> given = parse_integers(option, text);
  for (const std::int64_t axis : given.values()) {
    if (axis < -max || axis >= max) {
      refuse(option, text,
             fmt::format("arrays have at most {} axes: use {} to {}", max, -max, max - 1));
    }
    axes.push_back(axis);
  }
  return axes;
}

std::uint64_t parse_count(const std::string& option, const std::string& text) {
  std::uint64_t value = 0;
  if (!read(text, value)) refuse(option, text, "must be a whole number of at least 0");
  return value;
}

Shape parse_shape(const std::string& option, const std::string& text) {
  Shape shape;
  const PerAxis<std::int64_t> extents = parse_integers(option, text);
  for (const std::int64_t extent : extents.values()) {
    if (extent < 0) refuse(option, text, fmt::format("extent {} must be at least 0", extent));
    if (shape.size() == Shape::max_rank) {
      refuse(option, text, fmt::format("at most {} extents", Shape::max_rank));
    }
    shape.push_back(extent);
  }
  return shape;
}

nn::Padding parse_padding(const std::string& option, const std::string& text) {
  if (text == "valid") return nn::Padding::valid();
  if (text == "same-upper") return nn::Padding::same_upper();
  if (text == "same-lower") return nn::Padding::same_lower();
  if (text == "causal") return nn::Padding::causal();
  std::vector<std::pair<std::int64_t, std::int64_t>> sides;
  for (const std::string_view piece : split(text, ',')) {
    const auto pair = split(piece, ':');
    if (pair.size() > 2) refuse(option, text, "a pad is P, or LO:HI for each axis");
    sides.emplace_back(integer(option, text, pair.front()), integer(option, text, pair.back()));
  }
  return nn::Padding::sides(std::move(sides));
}

PerAxis<Boundary> parse_boundaries(const std::string& option, const std::string& text) {
  std::vector<Boundary> values;
  for (const std::string_view piece : split(text, ',')) {
    values.push_back(
        parse_with([&](const std::string&) { return Boundary::parse(piece); }, option, text));
  }
  return values;
}

Activation parse_activation(const std::string& option, const std::string& text) {
  std::string call = text;
  if (const std::size_t colon = call.find(':'); colon != std::string::npos) {
    call[colon] = '(';
    call += ')';
  }
  try {
    // A blank would start another word of the notation.
    if (text.find_first_of(" \t\r\n") == std::string::npos) {
      return Problem::parse("op=fwd dtype=f32 in=1 f=1 act=" + call).epilogue.activation;
    }
  } catch (const InvalidProblem&) {
  }
  refuse(option, text, "use none, relu, leaky_relu:SLOPE, gelu, silu or clamp:LOW,HIGH");
}

double parse_number(const std::string& option, const std::string& text, double low, double high) {
  return number(option, text, text, low, high);
}

PerAxis<double> parse_numbers(const std::string& option, const std::string& text, double low,
                              double high) {
  std::vector<double> values;
  for (const std::string_view piece : split(text, ',')) {
    values.push_back(number(option, text, piece, low, high));
  }
  return values;
}

std::complex<double> parse_complex(const std::string& option, const std::string& text) {
  const auto parts = split(text, ',');
  double real = 0, imaginary = 0;
  if (parts.size() > 2 || !read(parts.front(), real) ||
      (parts.size() == 2 && !read(parts.back(), imaginary))) {
    refuse(option, text, "must be a number, or two for a complex one: real,imaginary");
  }
  return {real, imaginary};
}

DType parse_npy_dtype(const std::string& option, const std::string& text) {
  const std::optional<DType> type = parse_dtype(text);
  if (type && *type != bf16) return *type;
  std::string known;
  for (const DType each : all_dtypes) {
    if (each != bf16) known += fmt::format("{}{}", known.empty() ? "" : ", ", name(each));
  }
  refuse(
      option, text,
      fmt::format("{}; use one of {}", type ? ".npy files have no bf16" : "no such type", known));
}

}  // namespace faltung::tools
