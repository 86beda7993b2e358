#include "cpp/cpu/masked/rows.hpp"
#include "cpp/cpu/masked/windows.hpp"
#include "cpp/cpu/simd/instruction_sets.hpp"

namespace faltung::masked {

#define FALTUNG_DECLARE(set)       \
  namespace set {                  \
  template <typename T>            \
  RowKernels<T> make_rows();       \
  template <typename T>            \
  WindowKernels<T> make_windows(); \
  }
FALTUNG_DECLARE(baseline)
#ifdef FALTUNG_FFT_X86_SETS
FALTUNG_DECLARE(avx2)
FALTUNG_DECLARE(avx512)
#endif
#undef FALTUNG_DECLARE

template <typename T>
RowKernels<T> row_kernels() {
#ifdef FALTUNG_FFT_X86_SETS
  const InstructionSet set = current_instruction_set();
  if (set.name == "avx512") return avx512::make_rows<T>();
  if (set.name == "avx2") return avx2::make_rows<T>();
#endif
  return baseline::make_rows<T>();
}

template <typename T>
WindowKernels<T> window_kernels() {
#ifdef FALTUNG_FFT_X86_SETS
  const InstructionSet set = current_instruction_set();
  if (set.name == "avx512") return avx512::make_windows<T>();
  if (set.name == "avx2") return avx2::make_windows<T>();
#endif
  return baseline::make_windows<T>();
}

template RowKernels<float> row_kernels();
template RowKernels<double> row_kernels();
template WindowKernels<float> window_kernels();
template WindowKernels<double> window_kernels();

}  // namespace faltung::masked
