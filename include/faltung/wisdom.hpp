#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/device.hpp>
#include <faltung/export.hpp>
#include <faltung/problem.hpp>

namespace faltung {

/// A way of an engine and the least time that a run of it was seen to take.
struct MeasuredWay {
  std::string way = {};  ///< as PlanOptions::engine takes it, "cpu.direct/rows"
  double us = 0;         ///< microseconds of a run, operands in cache where they fit

  friend bool operator==(const MeasuredWay&, const MeasuredWay&) = default;
};

/// What became of the lines of a text of wisdom.
struct WisdomLines {
  std::size_t taken = 0;  ///< remembered, those of other machines included
  std::size_t foreign =
      0;  ///< of them, measured elsewhere: by another processor, GPU, driver,
          ///< library, number of threads or version of Faltung. Plans pass them over
  std::size_t skipped = 0;  ///< cut off, changed, or of another format
};

// Wisdom is what measure() found out: for a problem on a machine, which ways ran how fast. Plans
// take the fastest of them that keeps the options, in place of the smallest estimate; without
// wisdom for the very problem they estimate as ever. It never decides what a result means: each way
// that it names is asked, prepared and checked as any other. One store serves the whole process,
// from any thread; docs/planning.md.

/// Everything remembered, as text: one line a problem and machine, sorted.
[[nodiscard]] FALTUNG_API std::string export_wisdom();

/// Adds the lines of a text to what is remembered. Of a way that is known already, the smaller time
/// stays, so that the order of texts does not matter. Lines that are no wisdom do no harm.
FALTUNG_API WisdomLines import_wisdom(std::string_view text);

/// The same from a file.
///
/// @throws InvalidProblem if it cannot be read.
FALTUNG_API WisdomLines import_wisdom_file(const std::string& path);

/// Merges everything remembered into a file: lines of it that are not known here stay. Processes
/// may do so at the same time; a reader sees the file before or after, and so does who comes after
/// one that was killed. Beside it lies an empty `path.lock`, which may be removed when nobody
/// writes.
///
/// @throws InvalidProblem if the file cannot be read or written.
FALTUNG_API void export_wisdom_file(const std::string& path);

/// Forgets everything in this process, and no longer looks for wisdom_file(); files stay.
FALTUNG_API void forget_wisdom();

/// The file that the first plan of a process reads, FALTUNG_WISDOM_FILE of the environment; empty
/// for none. Plans only read it. One that is missing or cannot be read is no wisdom.
[[nodiscard]] FALTUNG_API std::string wisdom_file();

/// What is remembered of a problem on a device of this machine, the fastest way first, with the
/// number of threads that runs take now. Empty for nothing.
[[nodiscard]] FALTUNG_API std::vector<MeasuredWay> wisdom_of(const Problem& problem,
                                                             const Device& device = Device::cpu());

/// What wisdom_of() goes by, in words: processor or GPU, driver, libraries, threads and version of
/// Faltung, as the second field of a line has it.
[[nodiscard]] FALTUNG_API std::string wisdom_machine(const Device& device = Device::cpu());

}  // namespace faltung
