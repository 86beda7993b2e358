#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <faltung/faltung.h>
#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include <faltung/wisdom.hpp>
#include "cpp/c/c_error.hpp"
#include "cpp/c/c_options.hpp"
#include "cpp/c/plan_handle.hpp"
#include "cpp/core/message.hpp"

using namespace faltung;
using namespace faltung::c;

namespace {

std::string path_of(const char* path) {
  return std::string(text_of(path, "path", "pass the name of a file"));
}

void give_lines(const WisdomLines& found, faltung_wisdom_lines* lines) {
  if (lines != nullptr) *lines = {found.taken, found.foreign, found.skipped};
}

MeasureOptions measure_options(const faltung_measure_options& given, const Device& device) {
  MeasureOptions how{.ways = given.ways, .max_seconds = given.max_seconds};
  how.memory_limit = static_cast<std::size_t>(
      std::min<std::uint64_t>(given.memory_limit, std::numeric_limits<std::size_t>::max()));
  if (given.stream != nullptr) how.stream = {device, given.stream};
  if (given.remeasure != 0 && given.remeasure != 1) {
    throw InvalidProblem(message("how.remeasure is ", given.remeasure, "; use 0 or 1"));
  }
  return how;
}

}  // namespace

faltung_status faltung_plan_create_measured(const char* problem, const char* device,
                                            const faltung_options* options,
                                            const faltung_measure_options* how,
                                            faltung_plan** plan) {
  if (plan != nullptr) *plan = nullptr;
  return guarded([&] {
    faltung_plan*& result = target(plan, "plan");
    const Problem parsed = problem_of(problem);
    Options wanted = options_of(options);
    const Device where = device == nullptr ? Device::cpu() : Device::parse(device);
    const faltung_measure_options given = measure_options_of(how);
    const MeasureOptions measured = measure_options(given, where);
    if (given.remeasure == 1) static_cast<void>(measure(parsed, where, wanted.plan, measured));
    result = make_handle(std::make_unique<PlanState>(
        plan_measured(parsed, where, wanted.plan, measured), std::move(wanted.allocator)));
  });
}

faltung_status faltung_export_wisdom(char* text, size_t capacity, size_t* bytes) {
  return guarded([&] { give(export_wisdom(), text, capacity, bytes); });
}

faltung_status faltung_import_wisdom(const char* text, faltung_wisdom_lines* lines) {
  return guarded([&] {
    give_lines(import_wisdom(text_of(text, "text", "pass what faltung_export_wisdom wrote")),
               lines);
  });
}

faltung_status faltung_import_wisdom_file(const char* path, faltung_wisdom_lines* lines) {
  return guarded([&] { give_lines(import_wisdom_file(path_of(path)), lines); });
}

faltung_status faltung_export_wisdom_file(const char* path) {
  return guarded([&] { export_wisdom_file(path_of(path)); });
}

faltung_status faltung_forget_wisdom(void) {
  return guarded([] { forget_wisdom(); });
}
