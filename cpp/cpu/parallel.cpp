#include "cpp/cpu/parallel.hpp"

#ifdef FALTUNG_HAVE_TBB
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#endif

namespace faltung::detail {

#ifdef FALTUNG_HAVE_TBB

// In the caller's arena, so that a program that uses TBB itself keeps its own limits.
void run_slots(int slots, const std::function<void(int)>& work) {
  tbb::parallel_for(
      tbb::blocked_range<int>(0, slots, 1),
      [&](const tbb::blocked_range<int>& range) {
        for (int slot = range.begin(); slot < range.end(); ++slot) work(slot);
      },
      tbb::simple_partitioner());
}

#else

void run_slots(int slots, const std::function<void(int)>& work) {
  for (int slot = 0; slot < slots; ++slot) work(slot);
}

#endif

}  // namespace faltung::detail
