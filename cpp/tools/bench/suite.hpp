#pragma once

#include <string>
#include <variant>
#include <vector>

#include <faltung/problem.hpp>

#include "cpp/tools/bench/call.hpp"

namespace faltung::bench {

/// One line of a suite.
struct Entry {
  std::string family;  ///< the last comment line above that stands alone; empty before the first
  std::string text;    ///< as written, without its comment: the name of the problem in every report
  std::string note;    ///< the comment after it
  std::variant<Problem, Call> work;

  /// Null for a call.
  [[nodiscard]] const Problem* problem() const { return std::get_if<Problem>(&work); }
};

/// Reads a suite: one problem or call a line, `#` starts a comment, blank lines are skipped.
///
/// @throws InvalidProblem naming the line if one does not parse, FileError if the file cannot be
///         read or holds no problem.
[[nodiscard]] std::vector<Entry> read_suite(const std::string& path);

}  // namespace faltung::bench
