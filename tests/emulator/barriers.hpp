#pragma once

#include <array>
#include <vector>

#include "tests/emulator/clock.hpp"
#include "tests/emulator/toolkit/where.hpp"

namespace faltung::emulator {

struct Thread;

/// One of the sixteen barriers of a block; __syncthreads is number 0.
struct NamedBarrier {
  int expected = 0;  ///< threads; 0 while nobody has arrived
  int arrived = 0;
  int votes = 0;
  int result = 0;  ///< of the votes, for those who leave
  Where where;     ///< of the first arrival
  Release release;
  std::vector<Thread*> waiting;
};

/// Lanes of one warp that meet in one instruction: a shuffle, a vote, an mma. The lane that comes
/// last does the work for all; the arguments of the others stay alive on their stacks. Not set
/// beforehand: every lane holds one, and only the first one's is used.
struct Rendezvous {
  unsigned mask;
  unsigned arrived;
  const char* instruction;
  std::array<void*, 32> arguments;
  std::array<Thread*, 32> lanes;
};

/// Meets the lanes of `mask` and runs `complete` once, when all are there.
void meet(unsigned mask, const char* instruction, void* arguments,
          void (*complete)(Rendezvous& meeting), const Where& where);

/// `meet` for instructions that the whole warp must execute together (.aligned in PTX).
void meet_warp(const char* instruction, void* arguments, void (*complete)(Rendezvous& meeting),
               const Where& where);

}  // namespace faltung::emulator
