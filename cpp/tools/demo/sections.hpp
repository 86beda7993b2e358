#pragma once

#include "cpp/tools/demo/inputs.hpp"
#include "cpp/tools/demo/lab.hpp"
#include "cpp/tools/demo/page.hpp"

/// The chapters of the demo, one file each. Each makes its data, runs its problems in the lab and
/// tells what came out.
namespace faltung::tools::demo {

[[nodiscard]] Section smoothing(const Lab& lab);
[[nodiscard]] Section photo_filters(const Lab& lab, const Photo& photo);
[[nodiscard]] Section lag_finding(const Lab& lab);
[[nodiscard]] Section moving_average(const Lab& lab);
[[nodiscard]] Section separable(const Lab& lab, const Photo& photo);
[[nodiscard]] Section toeplitz(const Lab& lab);
[[nodiscard]] Section reverb(const Lab& lab, const Recording& recording);
[[nodiscard]] Section deblurring(const Lab& lab, const Photo& photo);

}  // namespace faltung::tools::demo
