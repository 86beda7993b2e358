#include "cuda/cudnn/cudnn_choice.hpp"

#include <map>
#include <mutex>
#include <optional>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

namespace faltung::cuda::cudnn {
namespace {

// None if cuDNN cannot make a plan of it after all.
std::optional<Choice> make(const Descriptor& config, const Descriptor& device,
                           const Traits& traits) {
  try {
    const Descriptor plan = plan_of(config, device);
    return Choice{
        .plan = plan.text(Attribute::plan_text),
        .engine = traits.index,
        .notes = text_of(traits.notes),
        .tensor_core = traits.has(Note::tensor_core),
        .workspace_bytes = static_cast<std::size_t>(plan.value(Attribute::plan_workspace))};
  } catch (const DeviceError&) {
    return {};
  }
}

Choice find(const Problem& problem, const Descriptor& device, std::int64_t alignment,
            std::size_t limit) {
  const Descriptor graph = graph_of(problem, alignment);
  const LibraryVersion version = cudnn_library().version();
  std::optional<Choice> min;
  for (const Heuristic mode : {Heuristic::a, Heuristic::fallback}) {
    for (const Descriptor& config : ranked_configs(graph, device, mode)) {
      const Traits traits = traits_of(config);
      if (!is_admissible(traits, problem, version)) continue;
      const auto bytes = static_cast<std::size_t>(config.value(Attribute::config_workspace));
      const bool fits = bytes <= limit;
      if (!fits && min && min->workspace_bytes <= bytes) continue;
      std::optional<Choice> made = make(config, device, traits);
      if (!made) continue;
      if (made->workspace_bytes <= limit) return *std::move(made);
      if (!min || made->workspace_bytes < min->workspace_bytes) min = std::move(made);
    }
  }
  if (min) return *std::move(min);
  throw DeviceError(message("cuDNN ", to_string(version), " has no kernel for [", problem,
                            "] that is as accurate as asked for, adds in a fixed order and is "
                            "compiled already"));
}

}  // namespace

std::string Choice::kernel() const {
  const std::size_t begin = plan.rfind("\"engine\":");
  return begin == std::string::npos ? plan : plan.substr(begin);
}

bool is_admissible(const Traits& traits, const Problem& problem, const LibraryVersion& version) {
  if (traits.compiles) return false;
  for (const Note note :
       {Note::down_convert_inputs, Note::reduced_precision, Note::nondeterministic, Note::fft,
        Note::winograd, Note::winograd_4x4, Note::winograd_6x6, Note::winograd_13x13}) {
    if (traits.has(note)) return false;
  }
  if (is_strict(traits, problem)) return true;
  // TF32 along three axes is wrong in these. Source: PyTorch's issue 167024.
  const bool wrong = problem.rank() == 3 && version >= LibraryVersion{9, 10, 2} &&
                     version < LibraryVersion{9, 16, 0};
  return problem.math == Math::fast && !wrong;
}

Choice choose(const Problem& problem, const Descriptor& device, std::int64_t alignment,
              std::size_t limit) {
  constexpr std::size_t max_remembered = 1024;
  static std::mutex mutex;
  static std::map<std::string, Choice> known;
  const std::string key = message(device.text(Attribute::device_text), ' ', problem, " alignment ",
                                  alignment, " limit ", limit);
  {
    const std::lock_guard lock(mutex);
    if (const auto found = known.find(key); found != known.end()) return found->second;
  }
  Choice choice = find(problem, device, alignment, limit);
  const std::lock_guard lock(mutex);
  if (known.size() >= max_remembered) known.clear();
  known.emplace(key, choice);
  return choice;
}

}  // namespace faltung::cuda::cudnn
