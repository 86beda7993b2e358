#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

extern FALTUNG_WALK(float, float, true);
extern FALTUNG_WALK(double, double, true);
extern FALTUNG_WALK(float, std::uint8_t, true);
extern FALTUNG_WALK(float, std::uint16_t, true);
extern FALTUNG_WALK(std::uint32_t, std::uint8_t, true);
extern FALTUNG_WALK(std::uint32_t, std::uint16_t, true);

void start(const Arguments& arguments, const WalkTiling& t, LaunchQueue stream) {
  visit_type<float, double, std::uint32_t>(arguments.accumulator, [&](auto zero) {
    using Acc = decltype(zero);
    if constexpr (std::is_floating_point_v<Acc>) {
      if (arguments.x_type == native_type<Acc>) {
        return t.general ? launch_walk<Acc, Acc, true>(arguments, t, stream)
                         : launch_walk<Acc, Acc, false>(arguments, t, stream);
      }
    }
    if constexpr (sizeof(Acc) == 4) {
      if (size_of(arguments.x_type) == 1) {
        return launch_walk<Acc, std::uint8_t, true>(arguments, t, stream);
      }
      launch_walk<Acc, std::uint16_t, true>(arguments, t, stream);
    }
  });
}

}  // namespace faltung::cuda::direct
