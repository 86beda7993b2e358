#include "cpp/cpu/fft/line_transform_impl.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

template class LineTransform<float>;

}  // namespace faltung::fft::FALTUNG_FFT_SET
