#include "cuda/depthwise/depthwise_band.cuh"

namespace faltung::cuda::depthwise {

template void launch_band<BFloat16>(const Arguments&, const BandTiling&, LaunchQueue);

}  // namespace faltung::cuda::depthwise
