#pragma once

// What tests use. Kernels include CUDA's own header, which resolves to tests/emulator/toolkit.

#include <algorithm>
#include <cstring>
#include <iosfwd>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tests/emulator/counters.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"
#include "tests/emulator/violation.hpp"

namespace faltung::emulator {

struct Options {
  std::uint64_t seed = 1;  ///< of the order of threads and blocks; FALTUNG_EMULATOR_SEED
};
Options& options();

/// One launch that ended without a violation.
struct Report {
  std::string kernel;
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  Counters counters;
  std::map<const void*, SiteCounters> sites;  ///< by instruction
};
void record(Report report);
/// Whether somebody keeps reports.
bool is_recording();

/// Keeps the reports of all launches made while it lives.
class Recorder {
 public:
  Recorder();
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  [[nodiscard]] const std::vector<Report>& reports() const { return reports_; }

 private:
  friend void record(Report report);
  std::vector<Report> reports_;
  Recorder* outer_;
};

/// What a kernel promises. The defaults are those of a good kernel that reads each byte once.
struct Limits {
  double conflict_factor = 1.1;  ///< shared-memory wavefronts against the conflict-free count
  double read_sector_use = 0.9;  ///< least share of used bytes in the sectors read
  double read_redundancy = 1.1;  ///< bytes through a perfect L1 against the least
  double write_sector_use = 0.9;
  double write_redundancy = 1.0;
  double multiply_adds = 0;    ///< the problem needs; 0: do not ask
  double useful_share = 0.75;  ///< least share of them in those done, tensor cores included
};

/// @throws Violation bank_conflicts, uncoalesced_access, excess_traffic or wasted_arithmetic, with
/// the figures and, for the first two, the worst source line.
void expect_within(const Report& report, const Limits& limits);

/// @throws Violation wrong_result with the first element that differs in any bit.
template <typename T>
void expect_equal(const std::string& kernel, std::span<const T> actual,
                  std::span<const T> expected) {
  for (std::size_t i = 0; i < std::max(actual.size(), expected.size()); ++i) {
    if (i < std::min(actual.size(), expected.size()) &&
        std::memcmp(&actual[i], &expected[i], sizeof(T)) == 0) {
      continue;
    }
    std::ostringstream os;
    os << "wrong_result: kernel " << kernel << ": " << actual.size() << " elements, "
       << expected.size() << " expected";
    if (actual.size() == expected.size()) {
      os << "; number " << i << " is " << +actual[i] << ", not " << +expected[i];
    }
    throw Violation(Check::wrong_result, os.str());
  }
}

/// A table, one line per launch.
void print(std::ostream& os, std::span<const Report> reports);

}  // namespace faltung::emulator
