#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

template void launch_walk_of<float, float, true>(const Arguments&, LaunchQueue);
template void launch_walk_of<double, double, true>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
