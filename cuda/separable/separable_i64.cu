#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

template void launch_separable<std::uint64_t>(const Arguments&, cudaStream_t);
template void launch_factors<std::uint64_t>(const Arguments&, Global<unsigned char>, cudaStream_t);

}  // namespace faltung::cuda::separable
