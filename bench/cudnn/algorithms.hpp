#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <faltung/problem.hpp>

#include "cuda/runtime/cudnn_convolution.hpp"

namespace faltung::bench {

namespace cudnn = cuda::cudnn;
using cudnn::Descriptor;

/// One way in which cuDNN can run a problem.
struct Algorithm {
  /// "eng12": engine 12 with its default knobs; "heur0": the first choice of its heuristics.
  std::string name;
  std::string notes;  ///< what cuDNN says of its arithmetic: "tensor_core winograd"; may be empty
  std::size_t workspace_bytes = 0;
  Descriptor plan;
};

/// Everything cuDNN offers for `problem`: the ranking of its heuristics (mode B, the first
/// `ranked`), then every engine with its default knobs. With Math::strict, only what computes in
/// the accumulator's precision: no TF32, no converted inputs, no reduced accumulation.
///
/// @param device  as cudnn::device_of
/// @throws DeviceError if cuDNN does not know the problem at all.
[[nodiscard]] std::vector<Algorithm> algorithms(const Descriptor& device, const Problem& problem,
                                                std::size_t ranked);

}  // namespace faltung::bench
