#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <faltung/problem.hpp>

#include "cuda/runtime/cudnn_convolution.hpp"

/// Which of cuDNN's configurations runs a problem.
namespace faltung::cuda::cudnn {

/// A plan in cuDNN's own text, from which it is made again in 0.3 ms, and what must be known of it.
struct Choice {
  std::string plan;
  std::int64_t engine = 0;  ///< cuDNN's number of it
  std::string notes;        ///< "tensor_core"; may be empty
  bool tensor_core = false;
  std::size_t workspace_bytes = 0;

  /// Engine and knobs, as the plan's text has them: of equal ones the kernels are the same.
  [[nodiscard]] std::string kernel() const;
};

/// Whether a configuration may serve a problem: sums as accurate as asked for and in a fixed order,
/// nothing that is compiled while the plan is made.
[[nodiscard]] bool is_admissible(const Traits& traits, const Problem& problem,
                                 const LibraryVersion& version);

/// Lent no more than a limit, a workspace takes at most this, or twice the tensors.
inline constexpr std::size_t usual_workspace = std::size_t{1} << 30;

/// The first of what the heuristics of mode A propose, then of their fallbacks, that is admissible,
/// makes a plan and needs no more than `limit` bytes; else what needs least. Remembered for the
/// device of this text, which is the process's or another.
///
/// @param alignment  of all pointers, in bytes
/// @throws DeviceError if there is none.
[[nodiscard]] Choice choose(const Problem& problem, const Descriptor& device,
                            std::int64_t alignment, std::size_t limit);

}  // namespace faltung::cuda::cudnn
