#include "bench/cudnn/algorithms.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <faltung/error.hpp>

namespace faltung::bench {
namespace {

// Nothing if the class of accuracy rules it out or cuDNN cannot make a plan of it.
std::optional<Algorithm> plan(const Problem& problem, const Descriptor& device, std::string name,
                              const Descriptor& config) {
  try {
    const cudnn::Traits traits = cudnn::traits_of(config);
    if (problem.math == Math::strict && !cudnn::is_strict(traits, problem)) return {};
    const Descriptor made = cudnn::plan_of(config, device);
    const auto bytes = static_cast<std::size_t>(made.value(cudnn::Attribute::plan_workspace));
    return Algorithm{std::move(name), cudnn::text_of(traits.notes), bytes, made};
  } catch (const DeviceError&) {
    return {};
  }
}

}  // namespace

std::vector<Algorithm> algorithms(const Descriptor& device, const Problem& problem,
                                  std::size_t ranked) {
  constexpr std::int64_t alignment = 256;  // of tensors of our own
  const Descriptor graph = cudnn::graph_of(problem, alignment);
  std::vector<Algorithm> found;
  const auto add = [&](std::string name, const Descriptor& config) {
    if (auto one = plan(problem, device, std::move(name), config)) found.push_back(*one);
  };
  const auto configs = cudnn::ranked_configs(graph, device, cudnn::Heuristic::b);
  for (std::size_t i = 0; i < std::min(configs.size(), ranked); ++i) {
    add("heur" + std::to_string(i), configs[i]);
  }
  const std::int64_t count = graph.value(cudnn::Attribute::graph_engine_count);
  for (std::int64_t index = 0; index < count; ++index) {
    try {
      add("eng" + std::to_string(index), cudnn::default_config(graph, device, index));
    } catch (const DeviceError&) {
      continue;  // cuDNN numbers engines that do not serve this graph too
    }
  }
  return found;
}

}  // namespace faltung::bench
