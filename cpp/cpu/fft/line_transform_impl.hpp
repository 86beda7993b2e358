#pragma once

#include "cpp/cpu/fft/ducc0.hpp"
#include "cpp/cpu/fft/line_transform.hpp"
#include "ducc0/infra/simd.h"

// ducc0 would compile every transform for half, quarter and eighth registers too. Nobody asks for
// those here, and they take two thirds of the time.
namespace DUCC0_NAMESPACE::detail_simd {
#if defined(__AVX512F__)
template <>
inline constexpr bool simd_exists<float, 8> = false;
template <>
inline constexpr bool simd_exists<double, 4> = false;
#endif
#if defined(__AVX__)
template <>
inline constexpr bool simd_exists<float, 4> = false;
template <>
inline constexpr bool simd_exists<double, 2> = false;
#endif
template <>
inline constexpr bool simd_exists<float, 2> = false;
}  // namespace DUCC0_NAMESPACE::detail_simd

#include "ducc0/fft/fft1d_impl.h"

namespace faltung::fft::FALTUNG_FFT_SET {

namespace ducc = DUCC0_NAMESPACE;

template <typename R>
struct LineTransform<R>::Impl {
  explicit Impl(std::int64_t length) : plan(static_cast<std::size_t>(length)) {}
  ducc::detail_fft::pocketfft_c<R> plan;
};

template <typename R>
using Lanes =
    std::conditional_t<(lanes<R> > 1),
                       typename ducc::simd_select<R, static_cast<int>(lanes<R>)>::type, R>;

template <typename R>
LineTransform<R>::LineTransform(std::int64_t length) : impl_(new Impl(length)) {}
template <typename R>
LineTransform<R>::~LineTransform() {
  delete impl_;
}

template <typename R>
std::int64_t LineTransform<R>::scratch_values() const {
  return static_cast<std::int64_t>(impl_->plan.bufsize()) * 2 * lanes<R>;
}

template <typename R>
R* LineTransform<R>::run(R* line, R* scratch, bool forward) const {
  using Value = ducc::Cmplx<Lanes<R>>;
  static_assert(sizeof(Value) == 2 * lanes<R> * sizeof(R));
  return reinterpret_cast<R*>(impl_->plan.exec(reinterpret_cast<Value*>(line),
                                               reinterpret_cast<Value*>(scratch), R(1), forward));
}

}  // namespace faltung::fft::FALTUNG_FFT_SET
