#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

FALTUNG_SEPARABLE(double);

}  // namespace faltung::cuda::separable
