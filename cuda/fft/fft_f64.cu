#include "cuda/fft/fft_launch.cuh"

namespace faltung::cuda::fft {

template void launch_load<double>(Operand, const MoveArguments&, LaunchQueue);
template void launch_load<Complex<double>>(Operand, const MoveArguments&, LaunchQueue);
template void launch_store<double>(Operand, const MoveArguments&, DType, LaunchQueue);
template void launch_store<Complex<double>>(Operand, const MoveArguments&, DType, LaunchQueue);
template void launch_non_finite<double>(Pass, const NonFiniteArguments&, LaunchQueue);
template void launch_non_finite<Complex<double>>(Pass, const NonFiniteArguments&, LaunchQueue);
template void launch_product<double>(const ProductArguments&, LaunchQueue);

}  // namespace faltung::cuda::fft
