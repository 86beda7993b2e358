#include "cpp/c/c_options.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include <faltung/error.hpp>
#include "cpp/c/c_error.hpp"
#include "cpp/core/message.hpp"

namespace faltung::c {
namespace {

// What each struct had in the first version: no caller has less. Numbers, so that they stay when
// members are added.
constexpr std::size_t first_options = 56;
constexpr std::size_t first_run_options = 40;
constexpr std::size_t first_measure_options = 40;
constexpr std::size_t first_facts = 104;
static_assert(sizeof(void*) != 8 || sizeof(faltung_options) >= first_options);
static_assert(sizeof(void*) != 8 || sizeof(faltung_run_options) >= first_run_options);
static_assert(sizeof(void*) != 8 || sizeof(faltung_facts) >= first_facts);

void check_size(std::size_t size, std::size_t first, std::size_t known, std::string_view name,
                std::string_view type) {
  // A size of thousands is memory that nobody set.
  if (size >= std::min(first, known) && size <= 4096) return;
  throw InvalidProblem(message(name, ".size is ", size, "; set it to sizeof(", type, "), here ",
                               known, ", or begin with the macro that does"));
}

// The caller's struct as this library knows it: what a smaller one lacks is by default, and what a
// larger one has beyond must be 0.
template <typename T>
T sized(const T* given, const T& defaults, std::size_t first, std::string_view name,
        std::string_view type) {
  T result = defaults;
  if (given == nullptr) return result;
  check_size(given->size, first, sizeof(T), name, type);
  std::memcpy(&result, given, std::min(given->size, sizeof(T)));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(T); i < given->size; ++i) {
    if (bytes[i] == 0) continue;
    throw InvalidProblem(message(name, ".size is ", given->size,
                                 " and something is set beyond the ", sizeof(T),
                                 " bytes that this library, ", faltung_version(),
                                 ", knows; load the library of your header, or leave it 0"));
  }
  return result;
}

Accuracy accuracy(std::int32_t value) {
  if (value == FALTUNG_ACCURACY_NORMWISE) return Accuracy::normwise;
  if (value == FALTUNG_ACCURACY_ELEMENTWISE) return Accuracy::elementwise;
  throw InvalidProblem(message("options.accuracy is ", value,
                               "; use FALTUNG_ACCURACY_NORMWISE (0) or "
                               "FALTUNG_ACCURACY_ELEMENTWISE (1)"));
}

bool flag(std::int32_t value, std::string_view name) {
  if (value == 0 || value == 1) return value != 0;
  throw InvalidProblem(message("options.", name, " is ", value, "; use 0 or 1"));
}

void* take(void* context, std::size_t bytes, std::size_t alignment, const Stream& stream) {
  const auto& caller = *static_cast<const CallerAllocator*>(context);
  return caller.take(caller.context, bytes, alignment, stream.handle);
}

void give_back(void* context, void* data, std::size_t bytes, std::size_t alignment,
               const Stream& stream) {
  const auto& caller = *static_cast<const CallerAllocator*>(context);
  caller.give(caller.context, data, bytes, alignment, stream.handle);
}

}  // namespace

Problem problem_of(const char* line) {
  return Problem::parse(
      text_of(line, "problem", "pass a line such as \"op=fwd dtype=f32 in=9 f=3\""));
}

Options options_of(const faltung_options* options) {
  const faltung_options given = sized<faltung_options>(options, FALTUNG_OPTIONS_INIT, first_options,
                                                       "options", "faltung_options");
  Options result;
  if (given.engine != nullptr) result.plan.engine = given.engine;
  result.plan.workspace_limit = static_cast<std::size_t>(
      std::min<std::uint64_t>(given.workspace_limit, std::numeric_limits<std::size_t>::max()));
  result.plan.elementwise = flag(given.elementwise, "elementwise");
  result.plan.accuracy = accuracy(given.accuracy);
  result.plan.reproducible = flag(given.reproducible, "reproducible");
  result.plan.flush_subnormals = flag(given.flush_subnormals, "flush_subnormals");
  if ((given.allocate == nullptr) != (given.deallocate == nullptr)) {
    throw InvalidProblem(message("options.", given.allocate == nullptr ? "allocate" : "deallocate",
                                 " is a null pointer and the other function is not; give both, or "
                                 "neither for the device's standard allocator"));
  }
  if (given.allocate != nullptr) {
    result.allocator = std::make_shared<CallerAllocator>(
        CallerAllocator{given.allocator_context, given.allocate, given.deallocate});
    result.plan.allocator = {result.allocator.get(), take, give_back};
  } else if (given.allocator_context != nullptr) {
    throw InvalidProblem(
        "options.allocator_context is set, but allocate and deallocate are not; give both, or "
        "NULL");
  }
  return result;
}

faltung_run_options run_options_of(const faltung_run_options* options) {
  return sized<faltung_run_options>(options, FALTUNG_RUN_OPTIONS_INIT, first_run_options, "options",
                                    "faltung_run_options");
}

faltung_measure_options measure_options_of(const faltung_measure_options* options) {
  return sized<faltung_measure_options>(options, FALTUNG_MEASURE_OPTIONS_INIT,
                                        first_measure_options, "how", "faltung_measure_options");
}

void give_facts(const faltung_facts& facts, faltung_facts* target) {
  const std::size_t size = target->size;
  check_size(size, first_facts, sizeof facts, "facts", "faltung_facts");
  std::memset(static_cast<void*>(target), 0, size);
  std::memcpy(target, &facts, std::min(size, sizeof facts));
  target->size = size;
}

}  // namespace faltung::c
