#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

FALTUNG_WALK(float, float, true);
FALTUNG_WALK(double, double, true);

}  // namespace faltung::cuda::direct
