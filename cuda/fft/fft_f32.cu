#include "cuda/fft/fft_launch.cuh"

namespace faltung::cuda::fft {

template void launch_load<float>(Operand, const MoveArguments&, LaunchQueue);
template void launch_load<Complex<float>>(Operand, const MoveArguments&, LaunchQueue);
template void launch_store<float>(Operand, const MoveArguments&, DType, LaunchQueue);
template void launch_store<Complex<float>>(Operand, const MoveArguments&, DType, LaunchQueue);
template void launch_non_finite<float>(Pass, const NonFiniteArguments&, LaunchQueue);
template void launch_non_finite<Complex<float>>(Pass, const NonFiniteArguments&, LaunchQueue);
template void launch_product<float>(const ProductArguments&, LaunchQueue);

}  // namespace faltung::cuda::fft
