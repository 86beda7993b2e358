#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include <faltung/extents.hpp>

namespace faltung::fft {

template <typename T>
struct real_part {
  using type = T;
};
template <typename T>
struct real_part<std::complex<T>> {
  using type = T;
};

/// The real type of T's parts, and the type of its spectrum.
template <typename T>
using Real = typename real_part<T>::type;
template <typename T>
using Spectrum = std::complex<Real<T>>;

/// Smallest length >= n whose prime factors are 2, 3 and 5.
[[nodiscard]] std::int64_t good_length(std::int64_t n);

/// Whole Fourier transforms of real or complex arrays over all their axes, in place.
///
/// An array [n_0, ..., n_last] is row-major; T is float, double, or a complex of them. Real rows
/// lie in the memory of their spectrum, [n_0, ..., n_last/2 + 1], so rows start `row_step()` values
/// apart. Immutable; one object serves many threads. Transforms longer than 10,000 in complex axes
/// make ducc0 allocate small buffers of its own; otherwise nothing is allocated.
template <typename T>
class Transform {
 public:
  explicit Transform(const Shape& shape);
  Transform(Transform&&) noexcept;
  Transform& operator=(Transform&&) noexcept;
  ~Transform();

  /// Values of the spectrum.
  [[nodiscard]] std::int64_t size() const;
  /// Values of T from one row of data to the next.
  [[nodiscard]] std::int64_t row_step() const;
  [[nodiscard]] std::size_t scratch_bytes() const;

  /// @param scratch  scratch_bytes(), aligned to 256
  void forward(Spectrum<T>* data, std::byte* scratch) const;
  /// The inverse, divided by the number of points.
  void inverse(Spectrum<T>* data, std::byte* scratch) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace faltung::fft
