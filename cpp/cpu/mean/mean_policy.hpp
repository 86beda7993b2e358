#pragma once

#include <algorithm>
#include <cstdint>

/// How lines are cut into panels. Changes speed, and of floating means the last bits; so it knows
/// nothing of the processor. Measured on a Zen 4 core, 1 MiB of L2.
namespace faltung::mean {

/// At 3.7 GHz 0.3 ns for u8, 0.5 to 1 for f32, 1 to 2 for f64, of which most is memory.
inline constexpr double cycles_per_element = 3.7;

/// Lines to take the means of.
struct LinesToCut {
  std::int64_t lines = 1;
  std::int64_t extent = 1;  ///< elements of a line
  std::int64_t size = 1;    ///< of the window
  std::int64_t unit = 1;    ///< bytes of the larger element of x and y
};

/// What goes side by side in a panel: so many lines, or as many stretches of one line; and how many
/// results of each.
struct Cut {
  bool by_pieces = false;
  std::int64_t lines = 1;
  std::int64_t results = 1;
};

/// Results of each line, at most, in panels of so many bytes. Every panel begins with the size - 1
/// elements by which it overlaps the one before: a quarter at most of what it reads.
inline std::int64_t fitting_results(const LinesToCut& given, std::int64_t lanes,
                                    std::int64_t bytes) {
  return std::max(bytes / (lanes * given.unit) - given.size, 4 * given.size);
}

/// Stretches of a line overlap by size - 1 elements, too: beside the 4 cycles that an addition
/// takes where none runs beside it, `lanes` of them are worth it while they overlap by less than
/// thrice the line.
inline Cut cut_one_line(const LinesToCut& given) {
  constexpr std::int64_t bytes = 1 << 18;  // the extended piece of the line takes as much
  constexpr std::int64_t max = 32;         // four vectors of 8 doubles
  const std::int64_t worth_it = 3 * given.extent / given.size + 4;
  const std::int64_t lanes = std::min({max, worth_it, given.extent});
  const std::int64_t results = (given.extent + lanes - 1) / lanes;
  return {true, lanes, std::min(results, fitting_results(given, lanes, bytes))};
}

inline Cut cut_lines(const LinesToCut& given) {
  constexpr std::int64_t few = 8;  // lines that leave most of a vector empty
  if (given.lines < few) return cut_one_line(given);
  // Wide rows are read and written in long stretches; the narrowest are a vector of f32.
  constexpr std::int64_t bytes = 1 << 20, row_bytes = 512, narrowest = 16, widest = 64;
  std::int64_t lanes = std::clamp(row_bytes / given.unit, narrowest, widest);
  while (lanes > narrowest && lanes * given.unit * (given.extent + given.size) > bytes) lanes /= 2;
  lanes = std::min(lanes, given.lines);
  return {false, lanes, std::min(given.extent, fitting_results(given, lanes, bytes))};
}

}  // namespace faltung::mean
