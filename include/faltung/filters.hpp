#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/export.hpp>
#include <faltung/extents.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/tensor.hpp>

/// Ready-made filters: f64 tensors on the CPU, to be used with correlation (`image::correlate`)
/// unless said otherwise. All throw InvalidProblem for a value outside its range.
namespace faltung::filters {

/// floor(truncate sigma + 1/2): where a Gaussian is cut off, in elements.
[[nodiscard]] FALTUNG_API std::int64_t gaussian_radius(double sigma, double truncate = 4.0);

/// One Gaussian (derivative) of 2 radius + 1 taps, as `image::gaussian` applies it.
///
/// The taps at order 0 sum to 1. At order n they are those taps times
/// (-1/sigma)^n He_n(x/sigma), reversed: correlating with them differentiates.
///
/// @param sigma   standard deviation in elements, > 0
/// @param order   of the derivative, >= 0
/// @param radius  >= 0; default: gaussian_radius(sigma)
/// Source: He_n are the probabilists' Hermite polynomials, Abramowitz & Stegun 22.2.15.
[[nodiscard]] FALTUNG_API Tensor gaussian_1d(double sigma, std::int64_t order = 0,
                                             std::optional<std::int64_t> radius = std::nullopt);

/// The outer product of one gaussian_1d per axis; sums to 1.
[[nodiscard]] FALTUNG_API Tensor gaussian(const PerAxis<double>& sigma, std::size_t rank = 2,
                                          double truncate = 4.0);

/// All elements 1 / their number.
[[nodiscard]] FALTUNG_API Tensor box(const Shape& shape);

/// `length` taps of 1 / length: box for signals.
[[nodiscard]] FALTUNG_API Tensor moving_average(std::int64_t length);

/// 3 x 3 (x 3 ...): -1 0 1 along `axis`, 1 2 1 along the others.
[[nodiscard]] FALTUNG_API Tensor sobel(std::int64_t axis = -1, std::size_t rank = 2);

/// 3 x 3 (x 3 ...): -1 0 1 along `axis`, 1 1 1 along the others.
[[nodiscard]] FALTUNG_API Tensor prewitt(std::int64_t axis = -1, std::size_t rank = 2);

/// The 3 x 3 Laplacian with `neighbours` = 4 (0 1 0 / 1 -4 1 / 0 1 0) or 8 (1 1 1 / 1 -8 1 / 1 1
/// 1).
[[nodiscard]] FALTUNG_API Tensor laplacian(int neighbours = 4);

/// The unit impulse minus `amount` times laplacian(neighbours); sums to 1.
[[nodiscard]] FALTUNG_API Tensor sharpen(double amount = 1, int neighbours = 4);

/// -2 -1 0 / -1 1 1 / 0 1 2: relief lit from the upper left; sums to 1.
[[nodiscard]] FALTUNG_API Tensor emboss();

/// w[i, j, ...] = a[i] b[j] ...: the dense filter of a separable one.
///
/// @throws InvalidProblem if a factor is not a real tensor of rank 1 on the CPU.
[[nodiscard]] FALTUNG_API Tensor outer(const std::vector<ConstTensorView>& factors);

}  // namespace faltung::filters
