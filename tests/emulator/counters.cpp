#include "tests/emulator/counters.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/memory_checker.hpp"

namespace faltung::emulator {
namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// The bytes of one 32-byte sector that a request touches.
struct SectorUse {
  std::uintptr_t sector = 0;
  std::uint32_t bytes = 0;
};

/// Books the sectors of one request, merged beforehand.
Traffic book_sectors(Access kind, const std::vector<SectorUse>& uses) {
  Traffic traffic;
  traffic.requests = 1;
  const std::uint32_t cluster = execution().serial;
  for (const SectorUse& use : uses) {
    ++traffic.sectors;
    traffic.useful_bytes += std::popcount(use.bytes);
    SectorHistory& history =
        find_sector(reinterpret_cast<const std::byte*>(use.sector * 32), kind != Access::read);
    if (history.cluster < execution().first_serial) history.bytes = 0;
    if (history.cluster != cluster) ++traffic.cluster_sectors;
    history.cluster = cluster;
    traffic.distinct_bytes += std::popcount(use.bytes & ~history.bytes);
    history.bytes |= use.bytes;
  }
  return traffic;
}

void add_bytes(std::vector<SectorUse>& uses, const std::byte* address, std::size_t bytes) {
  for (auto at = reinterpret_cast<std::uintptr_t>(address), end = at + bytes; at < end;) {
    const std::uintptr_t stop = std::min(end, (at / 32 + 1) * 32);
    const std::uint32_t mask = (stop - at == 32) ? ~0u : ((1u << (stop - at)) - 1) << (at % 32);
    uses.push_back({at / 32, mask});
    at = stop;
  }
}

void merge(std::vector<SectorUse>& uses) {
  std::sort(uses.begin(), uses.end(),
            [](const SectorUse& a, const SectorUse& b) { return a.sector < b.sector; });
  std::size_t kept = 0;
  for (const SectorUse& use : uses) {
    if (kept > 0 && uses[kept - 1].sector == use.sector) {
      uses[kept - 1].bytes |= use.bytes;
    } else {
      uses[kept++] = use;
    }
  }
  uses.resize(kept);
}

/// Lanes are served in groups that can fill the 128 bytes of one wavefront: all of them for
/// accesses up to 4 bytes, halves for 8, quarters for 16. Within a group each bank delivers one
/// word per wavefront, to every lane that wants it.
SharedTraffic count_wavefronts(unsigned mask, const std::array<const std::byte*, 32>& address,
                               unsigned bytes) {
  SharedTraffic traffic;
  traffic.requests = 1;
  const unsigned lanes = bytes <= 4 ? 32 : 128 / bytes;
  const unsigned words = std::max(1u, bytes / 4);
  for (unsigned first = 0; first < 32; first += lanes) {
    // The different words wanted in this group, chained by bank; 0 ends a chain.
    std::array<std::uintptr_t, 33> word{};
    std::array<std::uint8_t, 33> next{};
    std::array<std::uint8_t, 32> chain{}, length{};
    std::uint8_t known = 0;
    std::uint8_t passes = 0;
    for (unsigned i = 0; i < lanes * words; ++i) {
      const unsigned lane = first + i / words;
      if (!(mask >> lane & 1u)) continue;
      const std::uintptr_t wanted = reinterpret_cast<std::uintptr_t>(address[lane]) / 4 + i % words;
      const std::size_t bank = wanted % 32;
      std::uint8_t found = chain[bank];
      while (found != 0 && word[found] != wanted) found = next[found];
      if (found != 0) continue;
      word[++known] = wanted;
      next[known] = std::exchange(chain[bank], known);
      passes = std::max(passes, ++length[bank]);
    }
    traffic.wavefronts += passes;
    traffic.ideal_wavefronts += passes > 0 ? 1 : 0;
  }
  return traffic;
}

}  // namespace

bool counting = false;

Traffic& Traffic::operator+=(const Traffic& other) {
  requests += other.requests;
  bytes += other.bytes;
  useful_bytes += other.useful_bytes;
  sectors += other.sectors;
  cluster_sectors += other.cluster_sectors;
  distinct_bytes += other.distinct_bytes;
  return *this;
}

double Traffic::sector_use() const { return ratio(useful_bytes, 32 * sectors); }
double Traffic::redundancy() const { return ratio(32 * cluster_sectors, distinct_bytes); }

SharedTraffic& SharedTraffic::operator+=(const SharedTraffic& other) {
  requests += other.requests;
  wavefronts += other.wavefronts;
  ideal_wavefronts += other.ideal_wavefronts;
  return *this;
}

double SharedTraffic::conflict_factor() const { return ratio(wavefronts, ideal_wavefronts); }

void RequestLog::add(const CallSite& call, bool shared, Access kind, unsigned lane,
                     unsigned present, const std::byte* address, unsigned bytes) {
  pending_ = true;
  Site& log = sites_[call.path];
  log.instruction = call.instruction;
  log.shared = shared;
  log.kind = kind;
  log.bytes = bytes;
  const std::uint64_t index = log.executed[lane]++ - log.done;
  if (index >= log.open.size()) log.open.resize(index + 1);
  Request& request = log.open[index];
  request.mask |= 1u << lane;
  request.address[lane] = address;
  while (log.counted < log.open.size() && log.open[log.counted].mask == present) {
    account(log, log.open[log.counted++]);
  }
  if (log.counted == log.open.size()) {
    log.done += log.counted;
    log.counted = 0;
    log.open.clear();
  }
}

void RequestLog::flush() {
  if (!pending_) return;
  pending_ = false;
  for (auto& [path, log] : sites_) {
    for (; log.counted < log.open.size(); ++log.counted) account(log, log.open[log.counted]);
    log.counted = 0;
    log.open.clear();
    log.executed.fill(0);
    log.done = 0;
  }
}

void RequestLog::account(const Site& log, const Request& request) {
  if (request.mask == 0) return;
  Counters& counters = execution().counters;
  SiteCounters& at_site = site_counters()[log.instruction];
  if (log.shared) {
    const SharedTraffic traffic = count_wavefronts(request.mask, request.address, log.bytes);
    counters.shared += traffic;
    at_site.shared += traffic;
    return;
  }
  static std::vector<SectorUse> uses;  // kept for its memory
  uses.clear();
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (request.mask >> lane & 1u) add_bytes(uses, request.address[lane], log.bytes);
  }
  merge(uses);
  Traffic traffic = book_sectors(log.kind, uses);
  traffic.bytes = std::uint64_t{log.bytes} * std::popcount(request.mask);
  (log.kind == Access::read ? counters.read : counters.write) += traffic;
  at_site.global += traffic;
}

void count_bulk_global(Access kind, const std::byte* address, std::size_t bytes) {
  if (!counting) return;
  std::vector<SectorUse> uses;
  add_bytes(uses, address, bytes);
  Traffic traffic = book_sectors(kind, uses);
  traffic.bytes = bytes;
  (kind == Access::read ? execution().counters.read : execution().counters.write) += traffic;
}

std::map<const void*, SiteCounters>& site_counters() {
  static std::map<const void*, SiteCounters> sites;
  return sites;
}

void count_multiply_adds(unsigned count) { execution().counters.multiply_adds += count; }
void count_special(unsigned count) { execution().counters.special += count; }

}  // namespace faltung::emulator
