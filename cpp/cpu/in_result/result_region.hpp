#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <faltung/problem.hpp>
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/axis_cut.hpp"

namespace faltung {

/// A part of a problem, and where its tensors begin in those of the problem, in bytes.
struct ProblemPart {
  Problem problem;
  std::int64_t x = 0, w = 0, y = 0;
  std::int64_t bias = 0;
};

/// What is left of a result, from some element to the end of its memory: slices of the slowest
/// dimension that it has several of. Taking the first slices leaves a region again. Images of a
/// data gradient are not cut.
class ResultRegion {
 public:
  /// Whether the result of a problem has no gaps in memory, and so can be taken slice by slice.
  [[nodiscard]] static bool serves(const Problem& p);

  /// All of the result.
  explicit ResultRegion(const Problem& p);

  [[nodiscard]] std::int64_t slices() const;
  [[nodiscard]] std::size_t bytes() const;
  /// From the start of the result.
  [[nodiscard]] std::size_t begin() const;
  [[nodiscard]] ResultRegion first(std::int64_t slices) const;
  /// The region without its first slices, which are not all.
  [[nodiscard]] ResultRegion without(std::int64_t slices) const;
  /// The problem of the region through some taps of each axis, which a filter gradient does not
  /// choose.
  [[nodiscard]] ProblemPart part(const std::vector<Range>& taps) const;

 private:
  enum class Kind : std::uint8_t { image, group, output, input, place, tap };
  struct Dimension {
    Kind kind;
    std::size_t axis;
    std::int64_t stride;
    Range range;
  };

  [[nodiscard]] Range range(Kind kind, std::int64_t all, std::size_t axis = 0) const;
  /// Its place in dimensions_; their number if there is none, or it cannot be cut.
  [[nodiscard]] std::size_t slowest() const;

  Problem p_;
  std::vector<Dimension> dimensions_;  ///< slowest first
};

}  // namespace faltung
