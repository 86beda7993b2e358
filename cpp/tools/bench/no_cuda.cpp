#include <faltung/error.hpp>

#include "cpp/tools/bench/ceilings.hpp"
#include "cpp/tools/bench/timer.hpp"

namespace faltung::bench {

std::unique_ptr<Timer> make_cuda_timer(const Device& device) {
  throw DeviceError("cannot time on " + to_string(device) + ": " + cuda_unavailable_reason());
}

Ceilings measure_cuda_ceilings(const Device& device) {
  throw DeviceError("cannot measure " + to_string(device) + ": " + cuda_unavailable_reason());
}

}  // namespace faltung::bench
