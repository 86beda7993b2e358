#include "cpp/cpu/fft/certainty.hpp"

#include "cpp/cpu/simd/instruction_sets.hpp"

namespace faltung::fft {

#define FALTUNG_DECLARE(set)        \
  namespace set {                   \
  template <typename R>             \
  AreCertain<R> make_are_certain(); \
  }
FALTUNG_DECLARE(baseline)
#ifdef FALTUNG_FFT_X86_SETS
FALTUNG_DECLARE(avx2)
FALTUNG_DECLARE(avx512)
#endif
#undef FALTUNG_DECLARE

template <typename R>
AreCertain<R> are_certain() {
#ifdef FALTUNG_FFT_X86_SETS
  const InstructionSet set = current_instruction_set();
  if (set.name == "avx512") return avx512::make_are_certain<R>();
  if (set.name == "avx2") return avx2::make_are_certain<R>();
#endif
  return baseline::make_are_certain<R>();
}

template AreCertain<float> are_certain();
template AreCertain<double> are_certain();

}  // namespace faltung::fft
