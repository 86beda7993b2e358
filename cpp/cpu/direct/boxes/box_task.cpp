#include "cpp/cpu/direct/boxes/box_task.hpp"

#include <hwy/cache_control.h>

#include "cpp/cpu/direct/boxes/finite.hpp"

namespace faltung::direct {

BoxTask::BoxTask(const Problem& problem, const ThreeAxes& t, const Box& box, std::int64_t groups,
                 std::int64_t parts, std::unique_ptr<Task> fallback)
    : KernelTask(std::move(fallback)),
      p_(problem),
      t_(t),
      box_(box),
      boxes_(t, box, problem.batch, groups, parts),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      pads_zeros_(meets_zeros(problem)) {}

void BoxTask::flush_stores() { hwy::FlushStream(); }

}  // namespace faltung::direct
