#include "cpp/cpu/fft/stages.hpp"

#include "cpp/cpu/fft/make_stages.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

template <typename T>
std::unique_ptr<TransformStages<T>> make_stages(const BlockMatrix& matrix,
                                                const BlockFactors<Real<T>>& factors) {
  return std::make_unique<Stages<T>>(matrix, factors);
}

#define FALTUNG_INSTANTIATE(T)                                 \
  template std::unique_ptr<TransformStages<T>> make_stages<T>( \
      const BlockMatrix& matrix, const BlockFactors<Real<T>>& factors);
FALTUNG_INSTANTIATE(float)
FALTUNG_INSTANTIATE(double)
FALTUNG_INSTANTIATE(std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>)
#undef FALTUNG_INSTANTIATE

}  // namespace faltung::fft::FALTUNG_FFT_SET
