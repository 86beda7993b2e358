#pragma once

#include <string_view>

#include <faltung/execution.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// What functions that restore images have in common.
namespace faltung::image {

/// What x and psf must be for `function`: f32 or f64, of one type and rank, 1 to 6, psf with
/// elements and on the CPU or where x is.
///
/// @throws InvalidProblem for other operands, and for what check_execution refuses.
void check_restored(const ConstTensorView& x, const ConstTensorView& psf, const Execution& run,
                    std::string_view function);

/// And y, for results that are written into it.
void check_restored_into(const ConstTensorView& x, const ConstTensorView& psf, const ResultView& y);

/// Brings all elements into -1..1, where they lie; NaN stays.
void clip(Tensor& image, const Execution& run);

/// Elements of a compact tensor into a view of its type, where both lie.
void copy_there(const Tensor& from, const TensorView& to, const Execution& run);

}  // namespace faltung::image
