#include "cuda/direct/direct_launch.cuh"

// All types in one file: each would parse the same headers four times, and its kernels take less.
namespace faltung::cuda::direct {

template void launch_direct<float>(const Arguments&, LaunchQueue);
template void launch_direct<double>(const Arguments&, LaunchQueue);
template void launch_direct<Complex<float>>(const Arguments&, LaunchQueue);
template void launch_direct<Complex<double>>(const Arguments&, LaunchQueue);
template void launch_direct<std::uint32_t>(const Arguments&, LaunchQueue);
template void launch_direct<std::uint64_t>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
