#include "cpp/cpu/fft/instruction_sets.hpp"

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
}  // namespace avx2
namespace avx512 {
template <typename T>
std::unique_ptr<TransformStages<T>> make_stages(const BlockMatrix& matrix,
                                                const BlockFactors<Real<T>>& factors);
}  // namespace avx512
}  // namespace faltung::fft
#endif

namespace faltung::fft {

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
