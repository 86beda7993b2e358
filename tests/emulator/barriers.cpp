#include "tests/emulator/barriers.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "tests/emulator/execution.hpp"

namespace faltung::emulator {
namespace {

/// Arrives; the last one lets everybody go. Returns whether the thread passed without waiting.
bool arrive(NamedBarrier& barrier, bool wait) {
  Thread& thread = self();
  barrier.release.add(thread.clock);
  thread.clock.tick();
  if (++barrier.arrived < barrier.expected) {
    if (wait) barrier.waiting.push_back(&thread);
    return false;
  }
  const Knowledge known = barrier.release.take();
  if (wait) thread.clock.adopt(known);
  for (Thread* waiting : barrier.waiting) {
    waiting->clock.adopt(known);
    waiting->warp->requests.flush();
    wake(*waiting);
  }
  barrier.waiting.clear();
  barrier.arrived = barrier.expected = 0;
  thread.warp->requests.flush();
  return true;
}

}  // namespace

int sync_block(Vote vote, int predicate, const Where& where) {
  Block& block = *self().block;
  NamedBarrier& barrier = block.barriers[0];
  if (barrier.expected == 0) {
    barrier.expected = static_cast<int>(block.threads.size());
    barrier.votes = 0;
    barrier.where = where;
  } else if (barrier.where.line != where.line) {
    fail(Check::divergent_barrier,
         "waits at the barrier of " + describe(where) + " while others wait at that of " +
             describe(barrier.where),
         where);
  }
  barrier.votes += predicate != 0;
  if (barrier.arrived + 1 == barrier.expected) {
    ++execution().counters.block_barriers;
    barrier.result = vote == Vote::count ? barrier.votes
                     : vote == Vote::any ? barrier.votes > 0
                                         : barrier.votes == barrier.expected;
  }
  if (!arrive(barrier, true)) park(Wait::block_barrier, where);
  return barrier.result;
}

[[gnu::noinline]] void sync_named(int id, int threads, bool wait) {
  const Where where = Where::at(__builtin_return_address(0));
  if (id < 0 || id > 15 || threads <= 0 || threads % 32 != 0) {
    fail(Check::barrier_count_mismatch,
         "named barrier " + std::to_string(id) + " for " + std::to_string(threads) +
             " threads; ids are 0 to 15, counts are multiples of 32",
         where);
  }
  NamedBarrier& barrier = self().block->barriers[static_cast<std::size_t>(id)];
  if (barrier.expected == 0) {
    barrier.expected = threads;
    barrier.where = where;
  } else if (barrier.expected != threads) {
    fail(Check::barrier_count_mismatch,
         "named barrier " + std::to_string(id) + " expects " + std::to_string(barrier.expected) +
             " threads since " + describe(barrier.where) + ", now " + std::to_string(threads),
         where);
  }
  if (!arrive(barrier, wait) && wait) park(Wait::named_barrier, where);
}

void meet(unsigned mask, const char* instruction, void* arguments,
          void (*complete)(Rendezvous& meeting), const Where& where) {
  Thread& thread = self();
  Warp& warp = *thread.warp;
  const auto lane = static_cast<std::size_t>(thread.lane);
  if (!(mask >> lane & 1u)) {
    fail(Check::lane_not_in_mask,
         std::string(instruction) + " by lane " + std::to_string(lane) +
             ", which is not in its own mask",
         where);
  }
  if (mask & ~warp.present) mask &= warp.present;  // a full mask in the block's last, partial warp
  const auto found = std::find_if(warp.meetings.begin(), warp.meetings.end(),
                                  [&](const Rendezvous* meeting) { return meeting->mask == mask; });
  Rendezvous first;
  if (found == warp.meetings.end()) first = {mask, 0, instruction, {}, {}};
  Rendezvous& meeting = found == warp.meetings.end() ? first : **found;
  if (meeting.instruction != instruction && std::strcmp(meeting.instruction, instruction) != 0) {
    fail(Check::divergent_collective,
         std::string(instruction) + " while other lanes of the warp wait at " + meeting.instruction,
         where);
  }
  meeting.arrived |= 1u << lane;
  meeting.arguments[lane] = arguments;
  meeting.lanes[lane] = &thread;
  if (meeting.arrived != mask) {
    if (&meeting == &first) warp.meetings.push_back(&meeting);
    park(Wait::warp, where);
    return;
  }
  if (&meeting != &first) warp.meetings.erase(found);
  ++execution().counters.warp_collectives;
  if (mask == warp.present) warp.requests.flush();
  complete(meeting);
  for (Thread* other : meeting.lanes) {
    if (other != nullptr && other != &thread) wake(*other);
  }
}

void meet_warp(const char* instruction, void* arguments, void (*complete)(Rendezvous& meeting),
               const Where& where) {
  meet(0xffffffffu, instruction, arguments, complete, where);
}

void sync_warp(unsigned mask, const Where& where) {
  meet(
      mask, "__syncwarp", nullptr,
      [](Rendezvous& meeting) {
        Release release;
        for (const Thread* lane : meeting.lanes) {
          if (lane != nullptr) release.add(lane->clock);
        }
        const Knowledge known = release.take();
        for (Thread* lane : meeting.lanes) {
          if (lane == nullptr) continue;
          lane->clock.adopt(known);
          lane->clock.tick();
        }
      },
      where);
}

unsigned ballot(unsigned mask, int predicate, const Where& where) {
  unsigned result = predicate != 0;
  meet(
      mask, "vote", &result,
      [](Rendezvous& meeting) {
        unsigned votes = 0;
        for (unsigned lane = 0; lane < 32; ++lane) {
          const auto* vote = static_cast<const unsigned*>(meeting.arguments[lane]);
          if (meeting.arrived >> lane & 1u) votes |= *vote << lane;
        }
        for (void* argument : meeting.arguments) {
          if (argument != nullptr) *static_cast<unsigned*>(argument) = votes;
        }
      },
      where);
  return result;
}

namespace {

struct ShuffleArguments {
  const void* value;
  void* result;
  unsigned bytes;
  unsigned source;
  bool active;  ///< whether the source takes part
};

}  // namespace

void shuffle(Shuffle kind, unsigned mask, const void* value, void* result, unsigned bytes,
             int operand, int width, const Where& where) {
  // Segments of `width` lanes shuffle apart; a source outside the segment means one's own value.
  const int lane = self().lane;
  const int first = lane / width * width;
  int source = kind == Shuffle::index  ? first + (operand & (width - 1))
               : kind == Shuffle::up   ? lane - operand
               : kind == Shuffle::down ? lane + operand
                                       : lane ^ operand;
  if (source < first || source >= first + width) source = lane;
  ShuffleArguments arguments{value, result, bytes, static_cast<unsigned>(source), true};
  meet(
      mask, "shuffle", &arguments,
      [](Rendezvous& meeting) {
        for (unsigned to = 0; to < 32; ++to) {
          if (!(meeting.arrived >> to & 1u)) continue;
          auto& mine = *static_cast<ShuffleArguments*>(meeting.arguments[to]);
          mine.active = meeting.arrived >> mine.source & 1u;
          if (!mine.active) continue;
          const auto& theirs =
              *static_cast<const ShuffleArguments*>(meeting.arguments[mine.source]);
          std::memcpy(mine.result, theirs.value, mine.bytes);
        }
      },
      where);
  if (!arguments.active) {
    fail(Check::shuffle_from_inactive_lane,
         "shuffle from lane " + std::to_string(source) + ", which does not take part", where);
  }
}

namespace {

std::int64_t combine(Reduction kind, std::int64_t a, std::int64_t b) {
  switch (kind) {
    case Reduction::add:
      return a + b;
    case Reduction::min:
      return std::min(a, b);
    case Reduction::max:
      return std::max(a, b);
    case Reduction::bit_and:
      return a & b;
    case Reduction::bit_or:
      return a | b;
    case Reduction::bit_xor:
      return a ^ b;
  }
  return 0;
}

struct ReduceArguments {
  Reduction kind;
  std::int64_t value;
};

}  // namespace

std::int64_t reduce(Reduction kind, unsigned mask, std::int64_t value, const Where& where) {
  ReduceArguments arguments{kind, value};
  meet(
      mask, "reduce", &arguments,
      [](Rendezvous& meeting) {
        const auto first = static_cast<std::size_t>(std::countr_zero(meeting.arrived));
        ReduceArguments sum = *static_cast<ReduceArguments*>(meeting.arguments[first]);
        for (std::size_t lane = first + 1; lane < 32; ++lane) {
          if (meeting.arguments[lane] == nullptr) continue;
          const auto* other = static_cast<const ReduceArguments*>(meeting.arguments[lane]);
          sum.value = combine(sum.kind, sum.value, other->value);
        }
        for (void* argument : meeting.arguments) {
          if (argument != nullptr) *static_cast<ReduceArguments*>(argument) = sum;
        }
      },
      where);
  return arguments.value;
}

}  // namespace faltung::emulator
