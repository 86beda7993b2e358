#include "tests/emulator/violation.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdio>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/fiber_scheduler.hpp"

namespace faltung::emulator {
namespace {

constexpr std::array names = {
    "out_of_bounds_global",
    "out_of_bounds_shared",
    "misaligned_access",
    "unset_read",
    "shared_race",
    "global_race",
    "exit_before_barrier",
    "divergent_barrier",
    "divergent_collective",
    "lane_not_in_mask",
    "shuffle_from_inactive_lane",
    "barrier_count_mismatch",
    "deadlock",
    "integer_overflow",
    "array_index",
    "invalid_launch",
    "shared_memory_exceeded",
    "shared_memory_not_requested",
    "registers_exceeded",
    "unsupported_instruction",
    "not_loaded",
    "unsafe_in_capture",
    "wrong_device",
    "wrong_stream",
    "device_not_restored",
    "unfinished_copy",
    "unfinished_kernel",
    "read_only_load_of_written",
    "uncommitted_async_copy",
    "unwaited_async_copy",
    "write_during_async_read",
    "copy_left_in_flight",
    "missing_proxy_fence",
    "mbarrier_not_initialised",
    "mbarrier_overflow",
    "missing_expect_tx",
    "invalid_tensor_copy",
    "missing_wgmma_fence",
    "divergent_wgmma",
    "invalid_matrix_descriptor",
    "library_misuse",
    "bank_conflicts",
    "uncoalesced_access",
    "excess_traffic",
    "wasted_arithmetic",
    "wrong_result",
};
static_assert(names.size() == static_cast<std::size_t>(Check::wrong_result) + 1);

std::string triple(const uint3& v) {
  return "(" + std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z) + ")";
}

/// "file:line" through addr2line, where the machine has it and the test has line tables.
std::string source_line(const void* instruction) {
  Dl_info info{};
  if (dladdr(instruction, &info) == 0 || info.dli_fname == nullptr) return {};
  const auto offset =
      static_cast<const char*>(instruction) - 1 - static_cast<char*>(info.dli_fbase);
  std::array<char, 512> text{};
  std::snprintf(text.data(), text.size(), "addr2line -i -e '%s' %#tx 2>/dev/null", info.dli_fname,
                offset);
  FILE* pipe = popen(text.data(), "r");
  if (pipe == nullptr) return {};
  std::string result;
  // With inlining the lines go from the inside out; the wrappers are not what the reader looks for.
  while (std::fgets(text.data(), text.size(), pipe) != nullptr) {
    const std::string line(text.data(), std::char_traits<char>::find(text.data(), 512, '\n')
                                            ? std::string_view(text.data()).size() - 1
                                            : 0);
    if (line.find("checked_pointer.hpp") != std::string::npos) continue;
    if (result.empty() && line.find('?') == std::string::npos) result = line;
  }
  pclose(pipe);
  return result;
}

}  // namespace

std::string_view name(Check check) { return names[static_cast<std::size_t>(check)]; }

Violation::Violation(Check check, const std::string& message)
    : std::runtime_error(message), check_(check) {}

std::string describe(const Where& where) {
  if (where.file != nullptr) return std::string(where.file) + ":" + std::to_string(where.line);
  return where.instruction == nullptr ? std::string{} : source_line(where.instruction);
}

Violation make_violation(Check check, const std::string& message, const Where& where) {
  std::string text = std::string(name(check)) + ": ";
  if (in_kernel()) {
    text += std::string("kernel ") + execution().kernel;
    if (Fiber::inside()) {
      text += " block " + triple(self().block->index) + " thread " + triple(self().index);
    }
    text += ": ";
  }
  text += message;
  if (const std::string place = describe(where); !place.empty()) text += " [" + place + "]";
  return Violation(check, text);
}

void fail(Check check, const std::string& message, const Where& where) {
  Violation violation = make_violation(check, message, where);
  // Whoever read what nobody wrote may do anything afterwards; the read is what went wrong.
  const bool race = check == Check::shared_race || check == Check::global_race;
  if (!race && in_kernel() && execution().unset_read) violation = *execution().unset_read;
  if (!Fiber::inside()) throw violation;
  // An exception must not pass through the kernel: the compiler's overflow checks, for one, are
  // known to it as functions that never throw.
  execution().violation = violation;
  for (;;) Fiber::suspend();
}

}  // namespace faltung::emulator
