#include "cuda/direct/direct_launch.cuh"

namespace faltung::cuda::direct {

template void launch_direct<Complex<double>>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
