#include <algorithm>
#include <cmath>

#include "cpp/core/message.hpp"
#include "cpp/core/text.hpp"
#include "cpp/core/wisdom.hpp"

namespace faltung {
namespace {

constexpr std::string_view format = "faltung-wisdom 1 ";
constexpr std::size_t longest_line = 64 << 10, most_ways = 64;
constexpr std::string_view hex = "0123456789abcdef";

std::uint64_t checksum(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

std::string in_hex(std::uint64_t value) {
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 4) {
    *digit = hex[value & 15];
  }
  return digits;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 32; });
}

// "cpu.direct/rows": an engine, a slash and one of its ways.
bool is_way(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/';
  };
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
         std::ranges::all_of(text, plain) && text.find('/', slash + 1) == std::string_view::npos;
}

std::optional<MeasuredWay> parse_way(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos || !is_way(word.substr(0, equals))) return std::nullopt;
  const auto us = parse_number<double>(word.substr(equals + 1));
  if (!us || !std::isfinite(*us) || *us <= 0) return std::nullopt;
  return MeasuredWay{std::string(word.substr(0, equals)), *us};
}

// Up to the next separator, which is passed.
std::string_view take_field(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return field;
}

}  // namespace

std::string wisdom_line(const WisdomKey& key, const MeasuredWays& ways) {
  std::string body = message(key.machine, '\t', key.problem, '\t');
  for (const MeasuredWay& way : ways) {
    if (&way != &ways.front()) body += ' ';
    body += message(way.way, '=', format_real(way.us));
  }
  return message(format, in_hex(checksum(body)), '\t', body);
}

std::optional<std::pair<WisdomKey, MeasuredWays>> parse_wisdom_line(std::string_view line) {
  if (line.size() > longest_line || !line.starts_with(format)) return std::nullopt;
  line.remove_prefix(format.size());
  const std::string_view sum = take_field(line, '\t');
  if (sum != in_hex(checksum(line))) return std::nullopt;
  const std::string_view machine = take_field(line, '\t');
  const std::string_view problem = take_field(line, '\t');
  if (machine.empty() || problem.empty() || line.empty()) return std::nullopt;
  if (!is_printable(machine) || !is_printable(problem)) return std::nullopt;
  MeasuredWays ways;
  while (!line.empty()) {
    const auto way = parse_way(take_field(line, ' '));
    if (!way || ways.size() == most_ways) return std::nullopt;
    ways.push_back(*way);
  }
  return std::pair(WisdomKey{std::string(machine), std::string(problem)}, std::move(ways));
}

void merge_ways(MeasuredWays& known, std::span<const MeasuredWay> more) {
  for (const MeasuredWay& way : more) {
    const auto same = std::ranges::find(known, way.way, &MeasuredWay::way);
    if (same == known.end()) {
      if (known.size() < most_ways) known.push_back(way);
    } else {
      same->us = std::min(same->us, way.us);
    }
  }
  std::ranges::sort(known, [](const MeasuredWay& a, const MeasuredWay& b) {
    return a.us != b.us ? a.us < b.us : a.way < b.way;
  });
}

WisdomLines merge_text(WisdomTable& table, std::string_view text,
                       std::span<const std::string> here) {
  WisdomLines lines;
  while (!text.empty()) {
    std::string_view line = take_field(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const auto parsed = parse_wisdom_line(line);
    const bool room = parsed && (table.size() < max_wisdom || table.contains(parsed->first));
    if (!room) {
      ++lines.skipped;
      continue;
    }
    merge_ways(table[parsed->first], parsed->second);
    ++lines.taken;
    if (std::ranges::find(here, parsed->first.machine) == here.end()) ++lines.foreign;
  }
  return lines;
}

std::string to_text(const WisdomTable& table) {
  std::string text;
  for (const auto& [key, ways] : table) text += wisdom_line(key, ways) + '\n';
  return text;
}

}  // namespace faltung
