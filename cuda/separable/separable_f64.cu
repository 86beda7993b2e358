#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

template void launch_separable<double>(const Arguments&, LaunchQueue);
template void launch_factors<double>(const Arguments&, Global<unsigned char>, LaunchQueue);

}  // namespace faltung::cuda::separable
