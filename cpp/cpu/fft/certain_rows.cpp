// Compiled for several instruction sets (simd.cmake), whose loops the compiler makes: nothing here
// may be a function that other files share.

#include <type_traits>

#include "cpp/cpu/fft/certainty.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {
namespace {

template <typename R>
R size_of(R value) {
  return value < 0 ? -value : value;
}

template <typename R>
bool are_certain(const CertainSums<R>& of, R least, R enough, R most) {
  using Flag = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  const R *const a = of.data[0], *const b = of.data[1], *const c = of.data[2];
  const R p = of.magnitudes[0], q = of.magnitudes[1], r = of.magnitudes[2];
  Flag found = 0;
  for (std::int64_t i = 0; i < of.count; ++i) {
    const R size = size_of(of.sums[i]);
    const R reached = p * size_of(a[i]) + q * size_of(b[i]) + r * size_of(c[i]);
    const int large = static_cast<int>(size >= least) & static_cast<int>(size <= most);
    const int certain = static_cast<int>(reached >= enough) & static_cast<int>(reached <= most);
    found |= static_cast<Flag>((large | certain) ^ 1);
  }
  return found == 0;
}

}  // namespace

template <typename R>
AreCertain<R> make_are_certain() {
  return are_certain<R>;
}
template AreCertain<float> make_are_certain();
template AreCertain<double> make_are_certain();

}  // namespace faltung::fft::FALTUNG_FFT_SET
