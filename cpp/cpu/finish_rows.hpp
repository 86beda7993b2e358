#pragma once

#include <cstdint>

#include <faltung/dtype.hpp>

#include "cpp/core/element.hpp"

/// Rows of floating sums on their way to the result, and of 16-bit floats on their way to sums:
/// loops for every instruction set, since one element after the other takes longer than the
/// products of a small filter.
namespace faltung {

/// The epilogue of a row in plain numbers.
struct RowEpilogue {
  double alpha = 1, beta = 0;
  ActivationKind activation = ActivationKind::none;
  double a = 0, b = 0;  ///< of the activation
  StoreRule rule = {};
};

/// What a bias is for the sums of a row; null values are none.
struct RowBias {
  const double* values = nullptr;
  std::int64_t step = 0;  ///< 0: the same for all, 1: one each
};

/// Writes what finish_element (epilogue.hpp) makes of `count` sums, bit for bit, to to[i step].
template <typename Acc>
using FinishRow = void (*)(const RowEpilogue& epilogue, RowBias bias, const Acc* sums,
                           std::int64_t count, void* to, std::int64_t step);

/// A LoadRow (element_rows.hpp) of binary16 elements.
using LoadHalves = void (*)(const void* data, std::int64_t first, std::int64_t step,
                            std::int64_t count, float* to, std::int64_t to_step);

/// The loops of one instruction set.
template <typename Acc>
struct FinishRows {
  FinishRow<Acc> to_f32, to_f64, to_bf16, to_i8, to_u8, to_i16, to_u16;
  FinishRow<Acc> to_f16;   ///< null without instructions for binary16
  LoadHalves load_halves;  ///< null without them
};

/// Those of the instruction set in use, for sums in float and double.
template <typename Acc>
[[nodiscard]] FinishRows<Acc> finish_rows();

/// That for results of `type`; null if there is none.
template <typename Acc>
[[nodiscard]] FinishRow<Acc> finish_row(DType type);

}  // namespace faltung
