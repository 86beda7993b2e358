#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

FALTUNG_SEPARABLE(float);

}  // namespace faltung::cuda::separable
