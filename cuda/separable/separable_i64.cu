#include "cuda/separable/separable_launch.cuh"

namespace faltung::cuda::separable {

FALTUNG_SEPARABLE(std::uint64_t);

}  // namespace faltung::cuda::separable
