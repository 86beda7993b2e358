#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

/// "engine 62 tensor_core of cuDNN 9.19.0, workspace 131 bytes"
[[nodiscard]] std::string to_string(const Choice& choice);

/// Whether a configuration may serve a problem: sums as accurate as asked for and in a fixed order.
[[nodiscard]] bool is_admissible(const Traits& traits, const Problem& problem,
                                 const LibraryVersion& version);

/// Lent no more than a limit, a workspace takes at most this, or twice the tensors.
inline constexpr std::size_t usual_workspace = std::size_t{1} << 30;
[[nodiscard]] std::size_t usual_limit(const Problem& problem);

/// A choice and its plan.
struct Ready {
  Choice choice;
  Descriptor plan;
};

/// The first of what the heuristics of mode A propose, then of their fallbacks, that is admissible,
/// makes a plan and needs no more than `limit` bytes; else what needs least. Kept for the device of
/// this text, which is the process's or another. What is compiled at run time, which takes seconds,
/// is taken only where every_choice has kept it.
///
/// @param alignment  of all pointers, in bytes
/// @throws DeviceError if there is none.
[[nodiscard]] Ready make_ready(const Problem& problem, const Descriptor& device,
                               std::int64_t alignment, std::size_t limit);
/// Without the plan.
[[nodiscard]] Choice choose(const Problem& problem, const Descriptor& device,
                            std::int64_t alignment, std::size_t limit);

/// All that is admissible and needs no more than `limit` bytes, each kernel once, in this order:
/// proposals of mode A, of mode B, their fallbacks, every engine with its default knobs. Of an
/// engine up to two. Those that are compiled at run time are kept.
[[nodiscard]] std::vector<Choice> every_choice(const Problem& problem, const Descriptor& device,
                                               std::int64_t alignment, std::size_t limit);

/// What a choice is kept by: all that it depends on.
[[nodiscard]] std::string key_of(const Problem& problem, const Descriptor& device,
                                 std::int64_t alignment, std::size_t limit);

class ChoiceStore;
/// What is kept by this key, with its plan; where cuDNN makes none of it, it is forgotten.
[[nodiscard]] std::optional<Ready> ready_of(ChoiceStore& store, const std::string& key,
                                            const Descriptor& device);

}  // namespace faltung::cuda::cudnn
