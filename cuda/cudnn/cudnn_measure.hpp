#pragma once

#include <cstddef>

#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/cudnn_task.hpp"
#include "cuda/cudnn/handle_pool.hpp"

namespace faltung::cuda::cudnn {

/// Of every_choice, for pointers of full_alignment, the one of which a run takes least time on the
/// device, found once and kept: five runs each, of whole numbers, so that all that are right give
/// the same bits; those that give others than the first are left out.
///
/// Takes seconds, and memory on the device for the tensors and the largest workspace.
///
/// @throws DeviceError if none runs, bad_alloc if there is no memory
[[nodiscard]] Ready fastest(const Call& call, const Descriptor& device, HandlePool& pool,
                            std::size_t limit);

}  // namespace faltung::cuda::cudnn
