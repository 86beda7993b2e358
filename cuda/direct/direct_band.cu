#include "cuda/direct/band_kernel.cuh"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::direct {
namespace {

template <typename T>
void launch_typed(const Arguments& arguments, LaunchQueue stream) {
  const LaunchConfig config{.name = "band_kernel",
                            .grid = static_cast<unsigned>(arguments.tiling.blocks),
                            .block = {32, band_warps},
                            .stream = stream};
  switch (band_pairs(arguments.geometry)) {
    case 3:
      return launch(band_kernel<T, 3, true>, config, arguments);
    case 4:
      return launch(band_kernel<T, 4, false>, config, arguments);
    case 5:
      return launch(band_kernel<T, 5, false>, config, arguments);
    default:
      return launch(band_kernel<T, 6, false>, config, arguments);
  }
}

}  // namespace

void launch_band(const Arguments& arguments, LaunchQueue stream) {
  switch (arguments.x_type) {
    case DType::u8:
      return launch_typed<std::uint8_t>(arguments, stream);
    case DType::f16:
      return launch_typed<Half>(arguments, stream);
    default:
      return launch_typed<BFloat16>(arguments, stream);
  }
}

}  // namespace faltung::cuda::direct
