#include "cpp/cpu/simd/instruction_sets.hpp"

#include <string>

#include "cpp/cpu/simd/register_bytes.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung {
namespace {

#ifdef FALTUNG_FFT_X86_SETS
// The flags of simd.cmake name the levels x86-64-v3 and v4, which Clang 14 cannot ask for.
// Every processor with these features of a level has the others (f16c, lzcnt, movbe), whose names
// it does not know either.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

std::vector<InstructionSet> find_sets() {
  std::vector<InstructionSet> sets;
#ifdef FALTUNG_FFT_X86_SETS
  if (has_avx512()) sets.push_back({"avx512", 64});
  if (has_avx2()) sets.push_back({"avx2", 32});
#endif
  sets.push_back({"baseline", FALTUNG_REGISTER_BYTES});
  return sets;
}

}  // namespace

const std::vector<InstructionSet>& instruction_sets() {
  static const std::vector<InstructionSet> sets = find_sets();
  return sets;
}

InstructionSet current_instruction_set() {
#ifdef FALTUNG_HAVE_HIGHWAY
  const std::string wanted = cpu_target();
  const std::vector<std::string>& targets = cpu_targets();
  // Highway's sets lie closer together: of those it has chosen from, the best of ours that is not
  // above it.
  for (const InstructionSet& set : instruction_sets()) {
    bool reached = false;
    for (const std::string& target : targets) {
      reached = reached || target == wanted;
      if (reached && target == set.name) return set;
    }
  }
  return instruction_sets().back();
#else
  return instruction_sets().front();
#endif
}

}  // namespace faltung
