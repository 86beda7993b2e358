#include "cpp/cpu/simd/cpu_target.hpp"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

// Highway's own choice is shared by everybody in the process who uses it, so ours is kept here.
std::atomic<std::int64_t> chosen{0};  // 0: not yet

std::string name_of(std::int64_t target) {
  if (target == HWY_AVX3 || target == HWY_AVX3_DL) return "avx512";
  std::string name = hwy::TargetName(target);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

// Smaller bits are better targets.
std::int64_t find_target(std::string_view name) {
  std::string known;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (name.empty() || name_of(target) == name) return target;
    known += (known.empty() ? "" : ", ") + name_of(target);
  }
  throw InvalidProblem(message("instruction set '", name, "' (FALTUNG_CPU_TARGET) is none of ",
                               known, ", which this build and this processor have"));
}

std::int64_t current() {
  std::int64_t target = chosen.load(std::memory_order_relaxed);
  if (target != 0) return target;
  const char* wanted = std::getenv("FALTUNG_CPU_TARGET");
  target = find_target(wanted == nullptr ? "" : wanted);
  chosen.store(target, std::memory_order_relaxed);
  return target;
}

}  // namespace

const std::vector<std::string>& cpu_targets() {
  // Asked for once: in a virtual machine each question to the processor takes microseconds.
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      names.push_back(name_of(target));
    }
    return names;
  }();
  return all;
}

void set_cpu_target(std::string_view name) {
  chosen.store(find_target(name), std::memory_order_relaxed);
}

std::string cpu_target() { return name_of(current()); }

std::size_t cpu_target_index() {
  if constexpr ((HWY_TARGETS & (HWY_TARGETS - 1)) == 0) return 0;  // compiled for one alone
  hwy::ChosenTarget choice;
  choice.Update(current());
  return choice.GetIndex();
}

}  // namespace faltung
