#pragma once

#include <cstdint>
#include <faltung/tensor.hpp>

/// Pictures are u8 or u16 samples [height, width, channels] as read_png gives them; one channel is
/// worked on as real numbers [height, width], in the samples' own scale.
namespace faltung::tools {

/// One channel as f32 or f64.
[[nodiscard]] Tensor channel_values(const Tensor& samples, std::int64_t channel, DType dtype);

/// Rounds to the nearest sample, ties to even; what lies outside the range saturates.
///
/// @throws InvalidProblem if a value is not a number, naming its place.
void store_channel(const Tensor& values, Tensor& samples, std::int64_t channel);

/// values *= factors, element by element; both of the same type and shape.
void multiply(Tensor& values, const Tensor& factors);

/// values *= factor
void scale(Tensor& values, double factor);

/// What `premultiplied`, filtered samples become under the filtered alpha: values / alpha. Where
/// alpha rounds to 0 nothing is seen, and the sample stays what `original` has.
void unpremultiply(Tensor& values, const Tensor& alpha, const Tensor& original);

}  // namespace faltung::tools
