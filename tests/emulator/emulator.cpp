#include "tests/emulator/emulator.hpp"

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <utility>

namespace faltung::emulator {
namespace {

Recorder* innermost = nullptr;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

/// The place in the kernel where `badness` is greatest.
template <typename Badness>
std::string worst_line(const Report& report, Badness badness) {
  const void* worst = nullptr;
  double max = -1;
  for (const auto& [instruction, site] : report.sites) {
    const double here = badness(site);
    if (here > max) {
      max = here;
      worst = instruction;
    }
  }
  const std::string line = worst == nullptr ? std::string{} : describe(Where::at(worst));
  return line.empty() ? line : "; worst at " + line;
}

void check_traffic(const Report& report, const char* verb, const Traffic& traffic, double min_use,
                   double max_redundancy) {
  if (traffic.sector_use() < min_use) {
    throw Violation(Check::uncoalesced_access,
                    "uncoalesced_access: kernel " + report.kernel + " uses " +
                        number(traffic.sector_use()) + " of the bytes in the sectors it " + verb +
                        ", less than " + number(min_use) +
                        worst_line(report, [](const SiteCounters& site) {
                          return static_cast<double>(32 * site.global.sectors) -
                                 static_cast<double>(site.global.useful_bytes);
                        }));
  }
  if (traffic.redundancy() > max_redundancy) {
    throw Violation(Check::excess_traffic, "excess_traffic: kernel " + report.kernel + " " + verb +
                                               " " + number(traffic.redundancy()) +
                                               " times the bytes it needs, more than " +
                                               number(max_redundancy));
  }
}

}  // namespace

Options& options() {
  static Options instance = [] {
    Options from_environment;
    if (const char* seed = std::getenv("FALTUNG_EMULATOR_SEED")) {
      from_environment.seed = std::strtoull(seed, nullptr, 10);
    }
    return from_environment;
  }();
  return instance;
}

Recorder::Recorder() : outer_(std::exchange(innermost, this)) {}
Recorder::~Recorder() { innermost = outer_; }

bool is_recording() { return innermost != nullptr; }

void record(Report report) {
  if (innermost != nullptr) innermost->reports_.push_back(std::move(report));
}

void expect_within(const Report& report, const Limits& limits) {
  const SharedTraffic& shared = report.counters.shared;
  if (shared.conflict_factor() > limits.conflict_factor) {
    throw Violation(
        Check::bank_conflicts,
        "bank_conflicts: kernel " + report.kernel + " takes " + number(shared.conflict_factor()) +
            " times the shared-memory wavefronts it needs, more than " +
            number(limits.conflict_factor) + worst_line(report, [](const SiteCounters& site) {
              return static_cast<double>(site.shared.wavefronts - site.shared.ideal_wavefronts);
            }));
  }
  check_traffic(report, "reads", report.counters.read, limits.read_sector_use,
                limits.read_redundancy);
  check_traffic(report, "writes", report.counters.write, limits.write_sector_use,
                limits.write_redundancy);
  const double done =
      static_cast<double>(report.counters.multiply_adds + report.counters.tensor_multiply_adds);
  if (limits.multiply_adds > 0 && limits.multiply_adds < limits.useful_share * done) {
    throw Violation(Check::wasted_arithmetic,
                    "wasted_arithmetic: kernel " + report.kernel + " does " + number(done) +
                        " multiply-adds where " + number(limits.multiply_adds) +
                        " are needed, more than 1 / " + number(limits.useful_share) + " of them");
  }
}

void print(std::ostream& os, std::span<const Report> reports) {
  const auto line = [&](const char* format, auto... values) {
    char text[256];
    std::snprintf(text, sizeof text, format, values...);
    os << text << '\n';
  };
  line("%-32s %10s %10s %6s %6s %10s %6s %10s %6s %12s %12s", "kernel", "read B", "written B",
       "rd/min", "wr/min", "glob. req.", "sector", "shared req", "bank", "multiply-add",
       "tensor MAC");
  for (const Report& report : reports) {
    const Counters& c = report.counters;
    Traffic both = c.read;
    both += c.write;
    line("%-32s %10llu %10llu %6.3f %6.3f %10llu %6.3f %10llu %6.3f %12llu %12llu",
         report.kernel.c_str(), static_cast<unsigned long long>(32 * c.read.cluster_sectors),
         static_cast<unsigned long long>(32 * c.write.cluster_sectors), c.read.redundancy(),
         c.write.redundancy(), static_cast<unsigned long long>(both.requests), both.sector_use(),
         static_cast<unsigned long long>(c.shared.requests), c.shared.conflict_factor(),
         static_cast<unsigned long long>(c.multiply_adds),
         static_cast<unsigned long long>(c.tensor_multiply_adds));
  }
}

}  // namespace faltung::emulator
