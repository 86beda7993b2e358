#include "cuda/direct/band_kernel.cuh"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/primitives/dispatch.cuh"

namespace faltung::cuda::direct {

void start(const Arguments& arguments, const BandTiling& t, LaunchQueue stream) {
  visit_type<std::uint8_t, Half, BFloat16>(arguments.x_type, [&](auto element) {
    visit_value<3, 4, 5, 6>(band_pairs(arguments.geometry), [&](auto pairs) {
      launch(band_kernel<decltype(element), pairs(), pairs() == 3>,
             {.name = "band_kernel",
              .grid = grid_of(t.blocks),
              .block = {32, band_warps},
              .stream = stream},
             arguments, t);
    });
  });
}

}  // namespace faltung::cuda::direct
