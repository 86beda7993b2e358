#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

template void launch_separable<double>(const Arguments&, cudaStream_t);
template void launch_factors<double>(const Arguments&, Global<unsigned char>, cudaStream_t);

}  // namespace faltung::cuda::separable
