#pragma once

#include <cstdint>
#include <vector>

#include "tests/emulator/clock.hpp"
#include "tests/emulator/toolkit/where.hpp"

namespace faltung::emulator {

struct Thread;

/// The state behind the eight bytes of an mbarrier.
struct MbarrierState {
  int arrivals = 0;                ///< per phase
  int pending = 0;                 ///< arrivals that this phase still needs
  std::int64_t missing_bytes = 0;  ///< expected in this phase and not yet here
  unsigned phase = 0;              ///< the one that is not complete
  int copies = 0;                  ///< under way, to signal this barrier when they land
  Epoch initialised;
  Agent agent = 0;         ///< the copies that signal it, as writers of memory
  std::uint32_t copy = 0;  ///< number of the last of them that landed
  Release release;         ///< of this phase
  Knowledge completed;     ///< what the last complete phase was told
  std::vector<Thread*> waiting;
};

/// The barrier at an address, for the current thread: it must know of the initialisation. `engine`:
/// for use by the copy engine, which must be shown it by a proxy fence.
/// @throws Violation mbarrier_not_initialised, shared_race or missing_proxy_fence.
MbarrierState& find_mbarrier(const void* address, bool engine, const Where& where);

/// `bytes` have arrived by a copy that now counts as finished; afterwards the phase may be
/// complete.
void complete_bytes(MbarrierState& barrier, std::int64_t bytes);
/// One arrival that a copy makes by itself.
void complete_arrival(MbarrierState& barrier);

/// What all threads of a cluster meet at.
struct ClusterBarrier {
  unsigned phase = 0;
  std::size_t arrived = 0;
  Release release;
  Knowledge completed;
  std::vector<Thread*> waiting;
};

}  // namespace faltung::emulator
