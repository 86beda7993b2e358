#include "cpp/cpu/fft/transform_impl.hpp"

namespace faltung::fft {

template class Transform<float>;
template class Transform<std::complex<float>>;

}  // namespace faltung::fft
