#pragma once

#include <algorithm>
#include <vector>

#include "cpp/cpu/fft/ducc0.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {

namespace ducc = faltung_ducc0;

/// As many lines as a vector register has lanes are transformed at once, one in each lane.
template <typename R>
inline constexpr std::int64_t lanes =
    ducc::simd_exists<R, static_cast<int>(ducc::native_simd<R>::size())>
        ? static_cast<std::int64_t>(ducc::native_simd<R>::size())
        : 1;
template <typename R>
using Lanes =
    std::conditional_t<(lanes<R> > 1),
                       typename ducc::simd_select<R, static_cast<int>(lanes<R>)>::type, R>;

template <typename V, typename R>
void set_lane(V& vector, std::int64_t lane, R value) {
  if constexpr (std::is_same_v<V, R>) {
    vector = value;
  } else {
    vector[static_cast<std::size_t>(lane)] = value;
  }
}
template <typename R, typename V>
R get_lane(const V& vector, std::int64_t lane) {
  if constexpr (std::is_same_v<V, R>) {
    return vector;
  } else {
    return vector[static_cast<std::size_t>(lane)];
  }
}

/// All axes but the last of a real transform are complex ones.
template <typename T>
struct Transform<T>::Impl {
  using R = Real<T>;
  using Complex = Spectrum<T>;
  using ComplexPlan = ducc::detail_fft::pocketfft_c<R>;
  using RealPlan = ducc::detail_fft::pocketfft_r<R>;
  static constexpr bool real = std::is_same_v<T, R>;

  explicit Impl(const Shape& shape_in) : shape(shape_in) {
    for (const std::int64_t n : shape) points *= static_cast<R>(n);
    spectrum = shape;
    std::int64_t& last = spectrum[shape.size() - 1];
    if constexpr (real) last = last / 2 + 1;
    rows = element_count(spectrum) / last;
    const auto length = [&](std::size_t axis) { return static_cast<std::size_t>(shape[axis]); };
    for (std::size_t axis = 0; axis + (real ? 1 : 0) < shape.size(); ++axis) {
      complex_plans.emplace_back(length(axis), lines(axis) == 1);
      values = std::max(values, 2 * (length(axis) + complex_plans.back().bufsize()));
    }
    if constexpr (real) {
      real_plans.emplace_back(length(shape.size() - 1), rows == 1);
      values = std::max(values, length(shape.size() - 1) + real_plans.back().bufsize());
    }
  }

  /// Lines along an axis.
  [[nodiscard]] std::int64_t lines(std::size_t axis) const {
    return element_count(spectrum) / spectrum[axis];
  }

  template <bool is_forward>
  void run(Complex* data, std::byte* scratch) const {
    const std::size_t last = shape.size() - 1;
    if constexpr (real) {
      if (is_forward) rows_to_spectrum(data, scratch);
      for (std::size_t axis = 0; axis < last; ++axis) along(data, axis, is_forward, R(1), scratch);
      if (!is_forward) spectrum_to_rows(data, scratch);
    } else {
      for (std::size_t axis = 0; axis <= last; ++axis) {
        const bool scaled = !is_forward && axis == last;
        along(data, axis, is_forward, scaled ? 1 / points : R(1), scratch);
      }
    }
  }

  /// A single line has no neighbours to share a register with.
  template <typename F>
  void with_lanes(std::int64_t line_count, F&& f) const {
    if (line_count == 1) {
      f(R{});
    } else {
      f(Lanes<R>{});
    }
  }

  void along(Complex* data, std::size_t axis, bool forward, R factor, std::byte* scratch) const {
    const ComplexPlan& plan = complex_plans[axis];
    const std::int64_t length = shape[axis];
    std::int64_t step = 1;
    for (std::size_t a = axis + 1; a < shape.size(); ++a) step *= spectrum[a];
    const std::int64_t slabs = lines(axis) / step;
    with_lanes(lines(axis), [&](auto lane) {
      using V = decltype(lane);
      constexpr std::int64_t width = sizeof(V) / sizeof(R);
      auto* line = reinterpret_cast<ducc::Cmplx<V>*>(scratch);
      // Lines of one slab are neighbours; where the axis is the last, lines are `length` apart.
      const std::int64_t apart = step == 1 ? length : 1;
      const std::int64_t outer = step == 1 ? 1 : slabs;
      const std::int64_t inner = step == 1 ? slabs : step;
      for (std::int64_t slab = 0; slab < outer; ++slab) {
        for (std::int64_t first = 0; first < inner; first += width) {
          const std::int64_t used = std::min(width, inner - first);
          Complex* at = data + slab * length * step + first * apart;
          for (std::int64_t i = 0; i < length; ++i) {
            V re(0), im(0);
            for (std::int64_t l = 0; l < used; ++l) {
              const Complex value = at[i * step + l * apart];
              set_lane(re, l, value.real());
              set_lane(im, l, value.imag());
            }
            line[i].Set(re, im);
          }
          plan.exec_copyback(line, line + length, factor, forward);
          for (std::int64_t i = 0; i < length; ++i) {
            for (std::int64_t l = 0; l < used; ++l) {
              at[i * step + l * apart] = {get_lane<R>(line[i].r, l), get_lane<R>(line[i].i, l)};
            }
          }
        }
      }
    });
  }

  // ducc0 keeps a real line's spectrum as r0 r1 i1 r2 i2 ...; here every value has both parts.
  void rows_to_spectrum(Complex* data, std::byte* scratch) const {
    const std::int64_t length = shape.back();
    const std::int64_t step = spectrum.back();
    with_lanes(rows, [&](auto lane) {
      using V = decltype(lane);
      constexpr std::int64_t width = sizeof(V) / sizeof(R);
      V* line = reinterpret_cast<V*>(scratch);
      for (std::int64_t first = 0; first < rows; first += width) {
        const std::int64_t used = std::min(width, rows - first);
        std::fill_n(line, length, V(0));
        for (std::int64_t l = 0; l < used; ++l) {
          const R* row = reinterpret_cast<const R*>(data + (first + l) * step);
          for (std::int64_t i = 0; i < length; ++i) set_lane(line[i], l, row[i]);
        }
        real_plans[0].exec_copyback(line, line + length, R(1), true);
        for (std::int64_t l = 0; l < used; ++l) {
          Complex* row = data + (first + l) * step;
          row[0] = get_lane<R>(line[0], l);
          for (std::int64_t i = 1; 2 * i <= length; ++i) {
            row[i] = {get_lane<R>(line[2 * i - 1], l),
                      2 * i < length ? get_lane<R>(line[2 * i], l) : R(0)};
          }
        }
      }
    });
  }

  void spectrum_to_rows(Complex* data, std::byte* scratch) const {
    const std::int64_t length = shape.back();
    const std::int64_t step = spectrum.back();
    with_lanes(rows, [&](auto lane) {
      using V = decltype(lane);
      constexpr std::int64_t width = sizeof(V) / sizeof(R);
      V* line = reinterpret_cast<V*>(scratch);
      for (std::int64_t first = 0; first < rows; first += width) {
        const std::int64_t used = std::min(width, rows - first);
        std::fill_n(line, length, V(0));
        for (std::int64_t l = 0; l < used; ++l) {
          const Complex* row = data + (first + l) * step;
          set_lane(line[0], l, row[0].real());
          for (std::int64_t i = 1; 2 * i <= length; ++i) {
            set_lane(line[2 * i - 1], l, row[i].real());
            if (2 * i < length) set_lane(line[2 * i], l, row[i].imag());
          }
        }
        real_plans[0].exec_copyback(line, line + length, 1 / points, false);
        for (std::int64_t l = 0; l < used; ++l) {
          R* row = reinterpret_cast<R*>(data + (first + l) * step);
          for (std::int64_t i = 0; i < length; ++i) row[i] = get_lane<R>(line[i], l);
        }
      }
    });
  }

  Shape shape;
  Shape spectrum;  // extents
  R points = 1;
  std::int64_t rows = 1;
  std::vector<ComplexPlan> complex_plans;
  std::vector<RealPlan> real_plans;  // one, of the last axis, or none
  std::size_t values = 0;            // that one line and ducc0's buffer take, in each lane
};

template <typename T>
Transform<T>::Transform(const Shape& shape) : impl_(std::make_unique<Impl>(shape)) {}
template <typename T>
Transform<T>::Transform(Transform&&) noexcept = default;
template <typename T>
Transform<T>& Transform<T>::operator=(Transform&&) noexcept = default;
template <typename T>
Transform<T>::~Transform() = default;

template <typename T>
std::int64_t Transform<T>::size() const {
  return element_count(impl_->spectrum);
}
template <typename T>
std::int64_t Transform<T>::row_step() const {
  return impl_->spectrum.back() * (Impl::real ? 2 : 1);
}
template <typename T>
std::size_t Transform<T>::scratch_bytes() const {
  return impl_->values * sizeof(Lanes<Real<T>>);
}
template <typename T>
void Transform<T>::forward(Spectrum<T>* data, std::byte* scratch) const {
  impl_->template run<true>(data, scratch);
}
template <typename T>
void Transform<T>::inverse(Spectrum<T>* data, std::byte* scratch) const {
  impl_->template run<false>(data, scratch);
}

}  // namespace faltung::fft
