#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

template void launch_walk_of<float, float, true>(const Arguments&, cudaStream_t);
template void launch_walk_of<double, double, true>(const Arguments&, cudaStream_t);

}  // namespace faltung::cuda::direct
