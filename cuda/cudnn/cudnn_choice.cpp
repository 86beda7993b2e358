#include "cuda/cudnn/cudnn_choice.hpp"

#include <algorithm>
#include <locale>
#include <optional>
#include <sstream>
#include <string>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/cudnn/choice_store.hpp"

namespace faltung::cuda::cudnn {
namespace {

// As message(), but that it throws where memory ends: a key that is cut short would be that of
// other problems.
template <typename... Parts>
std::string key_from(const Parts&... parts) {
  std::ostringstream os;
  os.exceptions(std::ios::badbit);
  os.imbue(std::locale::classic());
  (os << ... << parts);
  return os.str();
}

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

// Where the plan of an engine is kept that is compiled at run time, whatever the limit.
std::string key_of_compiled(const Problem& problem, const Descriptor& device,
                            std::int64_t alignment, std::int64_t engine) {
  return key_of(problem, device, alignment, 0) + " compiled " + std::to_string(engine);
}

// None if it is compiled at run time, unless that was done before.
std::optional<Choice> make_at_once(const Problem& problem, const Descriptor& config,
                                   const Descriptor& device, std::int64_t alignment,
                                   const Traits& traits) {
  if (!traits.compiles) return make(config, device, traits);
  return ChoiceStore::of_process().find(key_of_compiled(problem, device, alignment, traits.index));
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
      std::optional<Choice> made = make_at_once(problem, config, device, alignment, traits);
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

// Collects what every_choice gives.
class Collection {
 public:
  Collection(const Problem& problem, const Descriptor& device, std::int64_t alignment,
             std::size_t limit)
      : problem_(problem), device_(device), alignment_(alignment), limit_(limit) {}

  void add(const Descriptor& config) {
    const Traits traits = traits_of(config);
    constexpr std::ptrdiff_t max_of_engine = 2;
    if (!is_admissible(traits, problem_, cudnn_library().version()) ||
        std::ranges::count(list_, traits.index, &Choice::engine) >= max_of_engine ||
        static_cast<std::size_t>(config.value(Attribute::config_workspace)) > limit_) {
      return;
    }
    std::optional<Choice> made = make(config, device_, traits);
    if (!made || made->workspace_bytes > limit_ ||
        std::ranges::count(list_, made->kernel(), &Choice::kernel) != 0) {
      return;
    }
    if (traits.compiles) {
      ChoiceStore::of_process().keep(key_of_compiled(problem_, device_, alignment_, traits.index),
                                     *made);
    }
    list_.push_back(*std::move(made));
  }
  std::vector<Choice> take() { return std::move(list_); }

 private:
  const Problem& problem_;
  const Descriptor& device_;
  std::int64_t alignment_;
  std::size_t limit_;
  std::vector<Choice> list_;
};

// None where the engine does not serve the graph.
std::optional<Descriptor> config_of(const Descriptor& graph, const Descriptor& device,
                                    std::int64_t engine) {
  try {
    return default_config(graph, device, engine);
  } catch (const DeviceError&) {
    return {};
  }
}

}  // namespace

std::string Choice::kernel() const {
  const std::size_t begin = plan.rfind("\"engine\":");
  return begin == std::string::npos ? plan : plan.substr(begin);
}

std::string to_string(const Choice& choice) {
  return message("engine ", choice.engine, choice.notes.empty() ? "" : " ", choice.notes,
                 " of cuDNN ", to_string(cudnn_library().version()), ", workspace ",
                 choice.workspace_bytes, " bytes");
}

std::size_t usual_limit(const Problem& problem) {
  return std::max(usual_workspace, static_cast<std::size_t>(2 * problem.bytes()));
}

bool is_admissible(const Traits& traits, const Problem& problem, const LibraryVersion& version) {
  for (const Note note :
       {Note::down_convert_inputs, Note::reduced_precision, Note::nondeterministic, Note::fft,
        Note::winograd, Note::winograd_4x4, Note::winograd_6x6, Note::winograd_13x13}) {
    if (traits.has(note)) return false;
  }
  // Others may make 0 of NaN.
  const bool relu = problem.epilogue.activation.kind == ActivationKind::relu;
  if (relu && !traits.has(Note::keeps_nan)) return false;
  if (is_strict(traits, problem)) return true;
  // TF32 along three axes is wrong in these. Source: PyTorch's issue 167024.
  const bool wrong = problem.rank() == 3 && version >= LibraryVersion{9, 10, 2} &&
                     version < LibraryVersion{9, 16, 0};
  return problem.math == Math::fast && !wrong;
}

std::string key_of(const Problem& problem, const Descriptor& device, std::int64_t alignment,
                   std::size_t limit) {
  return key_from("cuDNN ", to_string(cudnn_library().version()), ' ',
                  device.text(Attribute::device_text), ' ', problem, " alignment ", alignment,
                  " limit ", limit);
}

std::optional<Ready> ready_of(ChoiceStore& store, const std::string& key,
                              const Descriptor& device) {
  std::optional<Choice> known = store.find(key);
  if (!known) return {};
  try {
    Descriptor plan = plan_of(known->plan, device);
    const std::int64_t bytes = plan.value(Attribute::plan_workspace);
    if (bytes == static_cast<std::int64_t>(known->workspace_bytes)) {
      return Ready{*std::move(known), std::move(plan)};
    }
  } catch (const DeviceError&) {
  }
  store.forget(key);
  return {};
}

Ready make_ready(const Problem& problem, const Descriptor& device, std::int64_t alignment,
                 std::size_t limit) {
  ChoiceStore& store = ChoiceStore::of_process();
  const std::string key = key_of(problem, device, alignment, limit);
  if (std::optional<Ready> ready = ready_of(store, key, device)) return *std::move(ready);
  Choice choice = find(problem, device, alignment, limit);
  store.keep(key, choice);
  Descriptor plan = plan_of(choice.plan, device);
  return {std::move(choice), std::move(plan)};
}

Choice choose(const Problem& problem, const Descriptor& device, std::int64_t alignment,
              std::size_t limit) {
  return make_ready(problem, device, alignment, limit).choice;
}

std::vector<Choice> every_choice(const Problem& problem, const Descriptor& device,
                                 std::int64_t alignment, std::size_t limit) {
  const Descriptor graph = graph_of(problem, alignment);
  Collection collection(problem, device, alignment, limit);
  for (const Heuristic mode : {Heuristic::a, Heuristic::b, Heuristic::fallback}) {
    for (const Descriptor& config : ranked_configs(graph, device, mode)) collection.add(config);
  }
  const std::int64_t engines = graph.value(Attribute::graph_engine_count);
  for (std::int64_t engine = 0; engine < engines; ++engine) {
    if (const auto config = config_of(graph, device, engine)) collection.add(*config);
  }
  return collection.take();
}

}  // namespace faltung::cuda::cudnn
