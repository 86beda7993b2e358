#pragma once

#include <cstddef>
#include <memory>

#include "cpp/core/engine.hpp"

namespace faltung::cuda::cudnn {

/// A problem for which cuDNN has a convolution, and where it runs.
struct Call {
  Problem problem;
  Device device;
  bool measures = false;  ///< whether what runs fastest is found by running it
};

/// @param limit  bytes of workspace that are not passed, if there is a plan that needs no more
/// @throws DeviceError if cuDNN has no plan, naming its call if one failed; bad_alloc if it has no
///         memory
[[nodiscard]] std::unique_ptr<Task> make_task_within(const Call& call, std::size_t limit);
/// The same with what is usual.
[[nodiscard]] std::unique_ptr<Task> make_task(const Call& call);

}  // namespace faltung::cuda::cudnn
