#include "cpp/cpu/finish_rows.hpp"

#include "cpp/cpu/simd/instruction_sets.hpp"

namespace faltung {

#define FALTUNG_DECLARE(set)     \
  namespace set {                \
  template <typename Acc>        \
  FinishRows<Acc> make_finish(); \
  }
FALTUNG_DECLARE(baseline)
#ifdef FALTUNG_FFT_X86_SETS
FALTUNG_DECLARE(avx2)
FALTUNG_DECLARE(avx512)
#endif
#undef FALTUNG_DECLARE

template <typename Acc>
FinishRows<Acc> finish_rows() {
#ifdef FALTUNG_FFT_X86_SETS
  const InstructionSet set = current_instruction_set();
  if (set.name == "avx512") return avx512::make_finish<Acc>();
  if (set.name == "avx2") return avx2::make_finish<Acc>();
#endif
  return baseline::make_finish<Acc>();
}

template <typename Acc>
FinishRow<Acc> finish_row(DType type) {
  const FinishRows<Acc> rows = finish_rows<Acc>();
  switch (type) {
    case DType::f32:
      return rows.to_f32;
    case DType::f64:
      return rows.to_f64;
    case DType::f16:
      return rows.to_f16;
    case DType::bf16:
      return rows.to_bf16;
    case DType::i8:
      return rows.to_i8;
    case DType::u8:
      return rows.to_u8;
    case DType::i16:
      return rows.to_i16;
    case DType::u16:
      return rows.to_u16;
    default:
      return nullptr;
  }
}

template FinishRows<float> finish_rows();
template FinishRows<double> finish_rows();
template FinishRow<float> finish_row(DType);
template FinishRow<double> finish_row(DType);

}  // namespace faltung
