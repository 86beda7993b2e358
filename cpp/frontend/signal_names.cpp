#include <array>
#include <cstddef>

#include <faltung/error.hpp>
#include <faltung/signal.hpp>
#include "cpp/core/message.hpp"

namespace faltung::signal {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 3> mode_names = {"full", "same", "valid"};
constexpr std::array<std::string_view, 9> extension_names = {
    "constant", "symmetric",     "reflect",     "edge", "wrap",
    "smooth",   "antisymmetric", "antireflect", "line"};

template <typename Enum, std::size_t count>
Enum parse(std::string_view text, const std::array<std::string_view, count>& names,
           std::string_view what) {
  std::string known;
  for (std::size_t i = 0; i < count; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
    known += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw InvalidProblem(message(what, " is '", text, "'; it must be one of ", known));
}

// Values from outside the enumeration have no name either.
template <typename Enum, std::size_t count>
std::string_view name_of(Enum value, const std::array<std::string_view, count>& names) {
  const auto index = static_cast<std::size_t>(value);
  return index < count ? names[index] : "unknown";
}

}  // namespace

std::string_view name(Mode mode) noexcept { return name_of(mode, mode_names); }

Mode parse_mode(std::string_view text) { return parse<Mode>(text, mode_names, "mode"); }

std::string_view name(Extension extension) noexcept { return name_of(extension, extension_names); }

Extension parse_extension(std::string_view text) {
  return parse<Extension>(text, extension_names, "extension mode");
}

}  // namespace faltung::signal
