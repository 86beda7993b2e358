#pragma once

#include <memory>

#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

/// The steps of a block's transform for an instruction set of instruction_sets(). The factors must
/// outlive them.
template <typename T>
[[nodiscard]] std::unique_ptr<TransformStages<T>> make_stages(const InstructionSet& set,
                                                              const BlockMatrix& matrix,
                                                              const BlockFactors<Real<T>>& factors);

}  // namespace faltung::fft
