#pragma once

#include <cstdint>
#include <vector>

#include "cpp/core/engine.hpp"
#include "cuda/cudnn/handle_pool.hpp"
#include "cuda/runtime/cudnn_convolution.hpp"

namespace faltung::cuda::cudnn {

/// The tensors of one run, as a graph counts them.
struct Tensors {
  Tensors(const Problem& problem, const RunArguments& arguments);

  std::vector<std::int64_t> ids;
  std::vector<const void*> data;
};

/// One run of a plan of the problem's graph.
///
/// @param workspace  what the plan needs; null if that is nothing
/// @throws DeviceError naming cuDNN's call
void execute(HandlePool& pool, const Descriptor& plan, const Tensors& tensors,
             const void* workspace, const Stream& stream);

}  // namespace faltung::cuda::cudnn
