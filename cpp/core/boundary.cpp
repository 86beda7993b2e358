#include <faltung/boundary.hpp>

#include <algorithm>
#include <faltung/error.hpp>
#include <iterator>
#include <ostream>

#include "cpp/core/text.hpp"

namespace faltung {

namespace {

// In the order of BoundaryKind.
constexpr std::string_view kind_names[] = {"zero",    "constant", "nearest",
                                           "reflect", "mirror",   "wrap"};

[[noreturn]] void refuse(std::string_view text) {
  throw InvalidProblem("boundary \"" + std::string(text) +
                       "\": a boundary is zero, constant(V), nearest, reflect, mirror or wrap; "
                       "write for example constant(1.5), or constant(1,-2) for complex data");
}

}  // namespace

Boundary Boundary::parse(std::string_view text) {
  constexpr std::string_view colon_form = "constant:";
  if (text.starts_with(colon_form)) {
    const auto value = parse_number<double>(text.substr(colon_form.size()));
    if (!value) refuse(text);
    return constant(*value);
  }
  const auto call = parse_call(text);
  if (!call) refuse(text);
  const auto* found = std::ranges::find(kind_names, call->name);
  if (found == std::end(kind_names)) refuse(text);
  const auto kind = static_cast<BoundaryKind>(found - std::begin(kind_names));
  const std::vector<double>& values = call->arguments;
  if (values.size() > (kind == BoundaryKind::constant ? 2u : 0u)) refuse(text);
  return {kind, {values.empty() ? 0 : values[0], values.size() < 2 ? 0 : values[1]}};
}

std::string to_string(const Boundary& boundary) {
  const auto kind = static_cast<std::size_t>(boundary.kind);
  if (kind >= std::size(kind_names)) return "?";
  std::string text(kind_names[kind]);
  if (boundary.kind == BoundaryKind::constant) {
    text += '(' + format_real(boundary.value.real());
    if (boundary.value.imag() != 0) text += ',' + format_real(boundary.value.imag());
    text += ')';
  }
  return text;
}

std::ostream& operator<<(std::ostream& os, const Boundary& boundary) {
  return os << to_string(boundary);
}

}  // namespace faltung
