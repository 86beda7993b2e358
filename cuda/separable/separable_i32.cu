#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

template void launch_separable<std::uint32_t>(const Arguments&, LaunchQueue);
template void launch_factors<std::uint32_t>(const Arguments&, Global<unsigned char>, LaunchQueue);

}  // namespace faltung::cuda::separable
