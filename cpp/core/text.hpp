#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace faltung {

/// The whole of `text` as a number; nothing if it is not one or does not fit the type.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// The shortest text that reads back as exactly this value; never depends on the locale.
inline std::string format_real(double value) {
  char buffer[32];  // "-2.2250738585072014e-308" has 24 characters
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

/// The pieces of `text` between separators that stand outside parentheses; at least one.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] == separator && depth == 0) {
      pieces.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  pieces.push_back(text.substr(start));
  return pieces;
}

/// A word with real arguments, "name" or "name(1,-2)".
struct Call {
  std::string_view name;
  std::vector<double> arguments;
};

/// Nothing if the parentheses or the numbers are malformed.
inline std::optional<Call> parse_call(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return Call{text, {}};
  if (text.back() != ')') return std::nullopt;
  Call call{text.substr(0, open), {}};
  for (const std::string_view piece : split(text.substr(open + 1, text.size() - open - 2), ',')) {
    const std::optional<double> value = parse_number<double>(piece);
    if (!value) return std::nullopt;
    call.arguments.push_back(*value);
  }
  return call;
}

}  // namespace faltung
