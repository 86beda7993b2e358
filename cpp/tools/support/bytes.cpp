#include "cpp/tools/support/bytes.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string_view>

#include <faltung/error.hpp>
#include "cpp/tools/support/options.hpp"

namespace faltung::tools {

std::size_t parse_bytes(const std::string& option, const std::string& text) {
  constexpr std::string_view units = "KMG";
  const std::size_t unit = text.empty() ? std::string_view::npos : units.find(text.back());
  const bool has_unit = unit != std::string_view::npos;
  const unsigned shift = has_unit ? 10 * static_cast<unsigned>(unit + 1) : 0;
  const std::string digits = has_unit ? text.substr(0, text.size() - 1) : text;
  const bool is_number =
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  const std::uint64_t count = is_number ? parse_count(option, digits) : 0;
  if (count == 0 || count > std::numeric_limits<std::size_t>::max() >> shift) {
    throw InvalidProblem(
        fmt::format("{} {}: a number of bytes from 1 on, or 512K, 100M, 4G of them", option, text));
  }
  return static_cast<std::size_t>(count) << shift;
}

}  // namespace faltung::tools
