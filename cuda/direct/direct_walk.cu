#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/walk_launch.cuh"

namespace faltung::cuda::direct {

extern template void launch_walk_of<float, float, true>(const Arguments&, LaunchQueue);
extern template void launch_walk_of<double, double, true>(const Arguments&, LaunchQueue);
extern template void launch_walk_of<float, std::uint8_t, true>(const Arguments&, LaunchQueue);
extern template void launch_walk_of<float, std::uint16_t, true>(const Arguments&, LaunchQueue);
extern template void launch_walk_of<std::uint32_t, std::uint8_t, true>(const Arguments&,
                                                                       LaunchQueue);
extern template void launch_walk_of<std::uint32_t, std::uint16_t, true>(const Arguments&,
                                                                        LaunchQueue);

template <typename Acc>
void launch_walk(const Arguments& arguments, LaunchQueue stream) {
  if constexpr (std::is_floating_point_v<Acc>) {
    if (arguments.x_type == native_type<Acc>) {
      return arguments.tiling.general ? launch_walk_of<Acc, Acc, true>(arguments, stream)
                                      : launch_walk_of<Acc, Acc, false>(arguments, stream);
    }
  }
  if constexpr (sizeof(Acc) == 4) {
    if (size_of(arguments.x_type) == 1) {
      return launch_walk_of<Acc, std::uint8_t, true>(arguments, stream);
    }
    launch_walk_of<Acc, std::uint16_t, true>(arguments, stream);
  }
}

template void launch_walk<float>(const Arguments&, LaunchQueue);
template void launch_walk<double>(const Arguments&, LaunchQueue);
template void launch_walk<std::uint32_t>(const Arguments&, LaunchQueue);

}  // namespace faltung::cuda::direct
