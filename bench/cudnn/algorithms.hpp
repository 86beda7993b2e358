#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <faltung/problem.hpp>

#include "bench/cudnn/descriptor.hpp"

namespace faltung::bench {

/// One way in which cuDNN can run a problem.
struct Algorithm {
  /// "eng12": engine 12 with its default knobs; "heur0": the first choice of its heuristics.
  std::string name;
  std::string notes;  ///< what cuDNN says of its arithmetic: "tensor_core winograd"; may be empty
  std::size_t workspace_bytes = 0;
  Descriptor plan;
};

/// Identifiers of the tensors of a graph.
inline constexpr std::int64_t x_uid = 1, w_uid = 2, y_uid = 3;

/// Why cuDNN has no convolution for `problem`; empty if it may have one.
[[nodiscard]] std::string unsupported_reason(const Problem& problem);

/// The problem in cuDNN's words; needs no GPU.
///
/// @throws DeviceError if cuDNN refuses it.
[[nodiscard]] Descriptor operation(const Problem& problem);

/// Everything cuDNN offers for `problem`: the ranking of its heuristics (mode B, the first
/// `ranked`), then every engine with its default knobs. With Math::strict, only what computes in
/// the accumulator's precision: no TF32, no converted inputs, no reduced accumulation.
///
/// @throws DeviceError if cuDNN does not know the problem at all.
[[nodiscard]] std::vector<Algorithm> algorithms(cudnnHandle_t handle, const Problem& problem,
                                                std::size_t ranked);

}  // namespace faltung::bench
