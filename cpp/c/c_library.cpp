#include <limits>
#include <string>
#include <string_view>

#include <faltung/faltung.h>
#include <faltung/device.hpp>
#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/threads.hpp>
#include <faltung/version.hpp>
#include "cpp/c/c_error.hpp"
#include "cpp/c/c_options.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/planner.hpp"

using namespace faltung;
using namespace faltung::c;

namespace {

std::string device_lines() {
  std::string lines;
  for (const DeviceInfo& info : devices()) {
    lines += message(info.device, ": ", info.name, "; ", info.details, "\n");
  }
  const std::string reason = cuda_unavailable_reason();
  return reason.empty() ? lines : message(lines, "no CUDA device: ", reason, "\n");
}

// For a machine that need not be here nothing is prepared, so nothing can be held to a limit.
void require_engine_alone(const PlanOptions& options, std::string_view machine) {
  const char* set = nullptr;
  if (options.workspace_limit != PlanOptions{}.workspace_limit) set = "options.workspace_limit";
  if (options.accuracy != PlanOptions{}.accuracy) set = "options.accuracy";
  if (options.elementwise) set = "options.elementwise";
  if (set == nullptr) return;
  throw InvalidProblem(message(
      set, " is set, but for the machine ", machine,
      " plans are estimated and not prepared; leave it, or explain for a device that is here"));
}

std::string explained(const Problem& problem, std::string_view place, const PlanOptions& options) {
  if (find_cpu_machine(place) || find_gpu_machine(place)) {
    require_engine_alone(options, place);
    return explain_for(asked_problem(problem, options), place, options.engine);
  }
  return Plan::make(problem, Device::parse(place), options).explain();
}

}  // namespace

// version() is a view of a literal, so a 0 ends it.
const char* faltung_version(void) { return version().data(); }

faltung_status faltung_threads(int32_t* count) {
  return guarded([&] { target(count, "count") = threads(); });
}

faltung_status faltung_set_threads(int32_t count) {
  return guarded([&] { set_threads(count); });
}

faltung_status faltung_devices(char* text, size_t capacity, size_t* bytes) {
  return guarded([&] { give(device_lines(), text, capacity, bytes); });
}

faltung_status faltung_canonical(const char* problem, char* text, size_t capacity, size_t* bytes) {
  return guarded([&] {
    const Problem parsed = problem_of(problem);
    give(to_string(parsed), text, capacity, bytes);
  });
}

faltung_status faltung_explain(const char* problem, const char* place,
                               const faltung_options* options, char* text, size_t capacity,
                               size_t* bytes) {
  return guarded([&] {
    const Problem parsed = problem_of(problem);
    const Options wanted = options_of(options);
    give(explained(parsed, place == nullptr ? "cpu" : place, wanted.plan), text, capacity, bytes);
  });
}
