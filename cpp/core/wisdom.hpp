#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <faltung/wisdom.hpp>

namespace faltung {

/// Of a line: the machine, and the problem in the notation.
struct WisdomKey {
  std::string machine, problem;
  friend auto operator<=>(const WisdomKey&, const WisdomKey&) = default;
};

/// Ways with their times, the fastest first.
using MeasuredWays = std::vector<MeasuredWay>;
using WisdomTable = std::map<WisdomKey, MeasuredWays>;

/// Text without its line feed:
///
///     faltung-wisdom 1 CHECKSUM <tab> machine <tab> problem <tab> way=us way=us ...
///
/// CHECKSUM is FNV-1a of 64 bits over all that follows the first tab, so that a line that was cut
/// off or changed is none.
[[nodiscard]] std::string wisdom_line(const WisdomKey& key, const MeasuredWays& ways);

/// Nothing if it is not exactly what wisdom_line() writes for some key and ways.
[[nodiscard]] std::optional<std::pair<WisdomKey, MeasuredWays>> parse_wisdom_line(
    std::string_view line);

/// Of each way the smaller time; sorted by time, then by name.
void merge_ways(MeasuredWays& known, std::span<const MeasuredWay> more);

/// Adds the lines of `text`. A table takes at most max_wisdom lines, what comes later is skipped.
///
/// @param here  machines that are not foreign
inline constexpr std::size_t max_wisdom = 100'000;
WisdomLines merge_text(WisdomTable& table, std::string_view text,
                       std::span<const std::string> here = {});
[[nodiscard]] std::string to_text(const WisdomTable& table);

/// The whole of a file; nothing if there is none.
///
/// @throws InvalidProblem if it is there and cannot be read, or is larger than any wisdom.
[[nodiscard]] std::optional<std::string> read_wisdom(const std::string& path);

/// Replaces a file by what is in it and in `table`, behind a lock.
///
/// @throws InvalidProblem if that fails; the file is then as it was.
void merge_into_file(const std::string& path, WisdomTable table);

/// Remembers ways of this machine.
void remember(const Problem& problem, const Device& device, std::span<const MeasuredWay> ways);

/// Changes whenever what is remembered does: plans made before may be others now.
[[nodiscard]] std::uint64_t wisdom_generation();

}  // namespace faltung
