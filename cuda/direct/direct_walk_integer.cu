#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

template void launch_walk_of<float, std::uint8_t, true>(const Arguments&, LaunchQueue);
template void launch_walk_of<float, std::uint16_t, true>(const Arguments&, LaunchQueue);
template void launch_walk_of<std::uint32_t, std::uint8_t, true>(const Arguments&, LaunchQueue);
template void launch_walk_of<std::uint32_t, std::uint16_t, true>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
