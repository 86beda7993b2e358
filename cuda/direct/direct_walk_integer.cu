#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

FALTUNG_WALK(float, std::uint8_t, true);
FALTUNG_WALK(float, std::uint16_t, true);
FALTUNG_WALK(std::uint32_t, std::uint8_t, true);
FALTUNG_WALK(std::uint32_t, std::uint16_t, true);

}  // namespace faltung::cuda::direct
