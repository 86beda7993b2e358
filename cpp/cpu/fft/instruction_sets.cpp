#include "cpp/cpu/fft/instruction_sets.hpp"

#include <string>

#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/cpu_target.hpp"
#endif

#define FALTUNG_FFT_SET baseline
#include "cpp/cpu/fft/make_stages.hpp"
#undef FALTUNG_FFT_SET

// What make_stages.hpp declares, once more for each set that is only there in some builds.
#ifdef FALTUNG_FFT_X86_SETS
namespace faltung::fft {
namespace avx2 {
template <typename T>
std::unique_ptr<TransformStages<T>> make_stages(const BlockMatrix& matrix,
                                                const BlockFactors<Real<T>>& factors);
template <typename R>
std::int64_t lane_count();
}  // namespace avx2
namespace avx512 {
template <typename T>
std::unique_ptr<TransformStages<T>> make_stages(const BlockMatrix& matrix,
                                                const BlockFactors<Real<T>>& factors);
template <typename R>
std::int64_t lane_count();
}  // namespace avx512
}  // namespace faltung::fft
#endif

namespace faltung::fft {
namespace {

#ifdef FALTUNG_FFT_X86_SETS
// The flags of CMakeLists.txt name the levels x86-64-v3 and v4, which Clang 14 cannot ask for.
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
  const auto bytes = [](std::int64_t floats) { return floats * 4; };
  std::vector<InstructionSet> sets;
#ifdef FALTUNG_FFT_X86_SETS
  if (has_avx512()) sets.push_back({"avx512", bytes(avx512::lane_count<float>())});
  if (has_avx2()) sets.push_back({"avx2", bytes(avx2::lane_count<float>())});
#endif
  sets.push_back({"baseline", bytes(baseline::lane_count<float>())});
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

template <typename T>
std::unique_ptr<TransformStages<T>> make_stages(const InstructionSet& set,
                                                const BlockMatrix& matrix,
                                                const BlockFactors<Real<T>>& factors) {
#ifdef FALTUNG_FFT_X86_SETS
  if (set.name == "avx512") return avx512::make_stages<T>(matrix, factors);
  if (set.name == "avx2") return avx2::make_stages<T>(matrix, factors);
#endif
  (void)set;
  return baseline::make_stages<T>(matrix, factors);
}

#define FALTUNG_INSTANTIATE(T)                              \
  template std::unique_ptr<TransformStages<T>> make_stages( \
      const InstructionSet&, const BlockMatrix&, const BlockFactors<Real<T>>&);
FALTUNG_INSTANTIATE(float)
FALTUNG_INSTANTIATE(double)
FALTUNG_INSTANTIATE(std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>)
#undef FALTUNG_INSTANTIATE

}  // namespace faltung::fft
