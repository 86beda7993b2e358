#pragma once

#include <cstdint>

/// Lengths of the transforms that cuFFT is asked for. Plain C++, so that tests walk it without a
/// GPU.
namespace faltung::cuda::fft {

/// Trips through memory of a transform along an axis of `length` points.
[[nodiscard]] double trips_of(std::int64_t length);

/// Real operations of a complex transform for each point: passes of radix 16, what is left of the
/// powers of 2, and of radix 3, 5 and 7. `length` has no other factors.
[[nodiscard]] double operations_of(std::int64_t length);

/// What a complex line of a length of such factors takes among many, on the reference machine:
/// measured, or else its trips and operations.
///
/// @param wide  f64
[[nodiscard]] double line_us(std::int64_t length, bool wide);

/// The fastest product of powers of 2, 3, 5 and 7 that is no less than `min`, and no more than an
/// eighth longer than the least of them; even if `even`. cuFFT is fast for these, and others may go
/// through lengths more than twice their own.
/// Source: cuFFT's documentation, "Accuracy and Performance".
[[nodiscard]] std::int64_t good_length(std::int64_t min, bool even, bool wide);

}  // namespace faltung::cuda::fft
