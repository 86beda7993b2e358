#include "cpp/cpu/fft/transform_impl.hpp"

namespace faltung::fft {

template class Transform<double>;
template class Transform<std::complex<double>>;

std::int64_t good_length(std::int64_t n) {
  return static_cast<std::int64_t>(
      ducc::detail_fft::util1d::good_size_real(static_cast<std::size_t>(n)));
}

}  // namespace faltung::fft
