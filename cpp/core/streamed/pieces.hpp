#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <faltung/problem.hpp>
#include "cpp/core/streamed/box.hpp"

namespace faltung::streamed {

/// How large pieces are at most, along everything that a problem may be cut along.
struct Cut {
  std::int64_t batch = 1;
  std::int64_t groups = 1;
  std::int64_t out_channels = 1;  ///< of a group; fewer than it has only where groups is 1
  std::int64_t in_channels = 1;   ///< likewise
  std::int64_t rows = 1;          ///< of y, or of dx in backward_data, along row_axis()
  friend bool operator==(const Cut&, const Cut&) = default;
};

/// One call of a plan: what it reads and writes of the three tensors of the pass, in the pass'
/// order. Pieces that add to one another's result follow each other, in a fixed order.
struct Piece {
  std::size_t problem = 0;  ///< of Pieces::problems
  Box first, second, result;
  std::int64_t bias_first = 0;  ///< of its result's channels
  bool begins = true;           ///< the first with this result: applies beta and the bias
  bool ends = true;             ///< the last with this result
};

/// A problem cut into others whose results make up its own.
struct Pieces {
  std::vector<Problem> problems;  ///< those that differ, with compact tensors
  std::vector<Piece> pieces;
};

/// The spatial axis along which pieces are cut: the first that has several rows of the result (of
/// y in backward_filter).
[[nodiscard]] std::size_t row_axis(const Problem& problem);

/// All of it in one piece.
[[nodiscard]] Cut whole(const Problem& problem);

/// Why sums cannot be formed part by part with the partial sums stored in between; empty if they
/// can: integers that wrap, and floats that are stored as they are summed.
[[nodiscard]] std::string partial_sums_refusal(const Problem& problem);

/// The least cut that is possible, one element along whatever may be cut.
[[nodiscard]] Cut finest(const Problem& problem);

/// @param problem  valid, without empty tensors
/// @param cut      between finest() and whole()
[[nodiscard]] Pieces cut_problem(const Problem& problem, const Cut& cut);

/// "2 images, 1 of 4 groups, ...": what is cut, in words; empty if nothing is.
[[nodiscard]] std::string to_string(const Cut& cut, const Problem& problem);

}  // namespace faltung::streamed
