#include "cuda/direct/direct_launch.cuh"

namespace faltung::cuda::direct {

template void launch_direct<std::uint32_t>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
