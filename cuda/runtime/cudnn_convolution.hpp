#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <faltung/machine.hpp>
#include <faltung/problem.hpp>

#include "cuda/runtime/cudnn.hpp"
#include "cuda/runtime/vendor_library.hpp"

/// Convolutions in cuDNN's words, up to a plan that can be run: needs neither a GPU nor a driver
/// where the device is described by a text.
namespace faltung::cuda::cudnn {

/// Identifiers of the tensors of a graph.
inline constexpr std::int64_t x_id = 1, w_id = 2, y_id = 3, bias_id = 4;

/// What cuDNN is told of alignment where pointers have it, in bytes.
inline constexpr std::int64_t full_alignment = 16;

/// cuDNN's name of a type, if it has one.
[[nodiscard]] std::optional<Type> type_of(DType type);

/// Products in a sum, at most.
[[nodiscard]] double products_of_a_sum(const Problem& problem);

/// Why cuDNN has no convolution for a problem; empty if it may have one.
[[nodiscard]] std::string unsupported_reason(const Problem& problem);
/// The same with this version of it: some are known to be wrong, and some cannot plan for a device
/// that is described.
[[nodiscard]] std::string version_refusal(const Problem& problem, const LibraryVersion& version);

/// The device of this index, and one that need not be here.
///
/// @throws DeviceError if cuDNN refuses it.
[[nodiscard]] Descriptor device_of(int index);
[[nodiscard]] Descriptor device_of(const std::string& text);
/// What cuDNN asks to know of a device, as JSON: for plans for another machine.
[[nodiscard]] std::string device_text(const GpuMachine& machine);

/// The convolution, which scales its sums and adds them to the result before; behind it a bias and
/// relu, where the problem has them, on sums that are not rounded to the result's type.
///
/// @param alignment  of all pointers, in bytes, and at least that of their elements
/// @throws DeviceError if cuDNN refuses it.
[[nodiscard]] Descriptor graph_of(const Problem& problem, std::int64_t alignment);

/// What the heuristics propose, best first: all of it, since what is strict comes late.
[[nodiscard]] std::vector<Descriptor> ranked_configs(const Descriptor& graph,
                                                     const Descriptor& device, Heuristic mode);
/// An engine with its default knobs.
///
/// @throws DeviceError if that engine does not serve the graph.
[[nodiscard]] Descriptor default_config(const Descriptor& graph, const Descriptor& device,
                                        std::int64_t index);

/// What an engine says of itself.
struct Traits {
  std::int64_t index = 0;
  std::vector<Note> notes;
  bool compiles = false;  ///< at run time

  [[nodiscard]] bool has(Note note) const;
};
[[nodiscard]] Traits traits_of(const Descriptor& config);
/// "tensor_core winograd"; empty if it has nothing to say.
[[nodiscard]] std::string text_of(const std::vector<Note>& notes);

/// Whether sums are those of the accumulator's type, with operands as they are. On f32 data tensor
/// cores mean TF32.
[[nodiscard]] bool is_strict(const Traits& traits, const Problem& problem);

/// @throws DeviceError if cuDNN cannot make it.
[[nodiscard]] Descriptor plan_of(const Descriptor& config, const Descriptor& device);
/// From a text that such a plan gave, for a device with the same text.
[[nodiscard]] Descriptor plan_of(const std::string& text, const Descriptor& device);

}  // namespace faltung::cuda::cudnn
