#pragma once

#include <memory>

#include "cpp/cpu/fft/transform_stages.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

/// TransformStages compiled for this instruction set. The factors must outlive it.
template <typename T>
[[nodiscard]] std::unique_ptr<TransformStages<T>> make_stages(const BlockMatrix& matrix,
                                                              const BlockFactors<Real<T>>& factors);

}  // namespace faltung::fft::FALTUNG_FFT_SET
