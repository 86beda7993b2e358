#include "cpp/cpu/parallel.hpp"

#include "cpp/core/float_environment.hpp"

#ifdef FALTUNG_HAVE_TBB
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#else
#include <future>
#include <system_error>
#include <vector>
#endif

namespace faltung::detail {
namespace {

// Threads have a floating-point environment each, and TBB gives all in an arena the one that it had
// when it was made: so each slot takes the one of the thread that calls.
auto in_this_environment(const std::function<void(int)>& work) {
  return [&work, subnormals = FloatEnvironment::current()](int slot) {
    const FloatEnvironment environment(subnormals);
    work(slot);
  };
}

}  // namespace

#ifdef FALTUNG_HAVE_TBB

// In the caller's arena, so that a program that uses TBB itself keeps its own limits. Isolated: the
// calling thread waits for the last slots, and would meanwhile start any task of the caller, in the
// middle of a run whose workspace, result or mutex that task may use too. Each wait is isolated
// alone and not the run as a whole: nothing else in a run waits, and what a caller's allocator does
// between two waits is the caller's.
void run_slots(int slots, const std::function<void(int)>& given) {
  const auto work = in_this_environment(given);
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        tbb::blocked_range<int>(0, slots, 1),
        [&](const tbb::blocked_range<int>& range) {
          for (int slot = range.begin(); slot < range.end(); ++slot) work(slot);
        },
        tbb::simple_partitioner());
  });
}

#else

// New threads for every call: slower to start, and ThreadSanitizer sees everything they do. With no
// thread to be had the others do its part, since blocks are not bound to slots. A thread that waits
// here takes up nothing else.
void run_slots(int slots, const std::function<void(int)>& given) {
  const auto work = in_this_environment(given);
  std::vector<std::future<void> > others;
  others.reserve(static_cast<std::size_t>(slots));
  try {
    for (int slot = 1; slot < slots; ++slot) {
      others.push_back(std::async(std::launch::async, std::cref(work), slot));
    }
  } catch (const std::system_error&) {
  }
  work(0);
  for (std::future<void>& other : others) other.get();
}

#endif

}  // namespace faltung::detail
