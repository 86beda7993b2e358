#pragma once

#include <faltung/dtype.hpp>
#include <faltung/export.hpp>

namespace faltung {

/// Result types of the `signal` and `numpy` front ends; the whole table is in docs/promotion.md.
///
/// NumPy's `result_type` of two arrays: the smallest type that holds both, with i64 and u64 meeting
/// in f64. NumPy has no bf16: it joins i8, u8 and bf16 to bf16, and otherwise behaves like f16,
/// except that f16 and bf16 meet in f32.
[[nodiscard]] FALTUNG_API DType numpy_result_type(DType a, DType b) noexcept;

/// Of SciPy's fftconvolve and oaconvolve: integers count as f64 and half types as f32.
[[nodiscard]] FALTUNG_API DType fft_result_type(DType a, DType b) noexcept;

/// Of SciPy's upfirdn: both promoted with f32, then with each other. Never an integer, at least
/// f32.
[[nodiscard]] FALTUNG_API DType upfirdn_result_type(DType h, DType x) noexcept;

}  // namespace faltung
