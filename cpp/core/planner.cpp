#include "cpp/core/planner.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

std::string known_engines() {
  std::string names;
  for (const Engine* engine : engine_list()) {
    names += (names.empty() ? "" : ", ") + std::string(engine->name());
  }
  return names;
}

bool has_way(const Engine& engine, std::string_view way) {
  return way.empty() ||
         std::ranges::any_of(engine.ways(), [&](const WayText& text) { return text.name == way; });
}

void require_known(const EngineWish& wish) {
  std::string ways;
  bool known = false;
  for (const Engine* engine : engine_list()) {
    if (!wish.means(engine->name())) continue;
    if (has_way(*engine, wish.way)) return;
    known = true;
    for (const WayText& text : engine->ways()) {
      ways += (ways.empty() ? "" : ", ") + message(engine->name(), '/', text.name);
    }
  }
  if (known) {
    throw InvalidProblem(message("engine '", wish.engine, '/', wish.way,
                                 "' names no way of the engine; this build has ", ways));
  }
  throw InvalidProblem(
      message("engine '", wish.engine, "' is not known; this build has ", known_engines()));
}

// Why a device cannot be used; empty if it can.
std::string unusable(const Device& device) {
  if (device.kind == DeviceKind::cpu) return {};
  const DeviceBackend& backend = cuda_backend();
  const std::string reason = backend.unavailable_reason();
  if (!reason.empty()) return message("no CUDA device can be used here: ", reason);
  if (device.index >= backend.count()) {
    return message("there is no ", device, ", the last device is ",
                   Device::cuda(backend.count() - 1));
  }
  const std::string own = backend.unusable_reason(device.index);
  return own.empty() ? own : message(device, ' ', own);
}

// Of an engine on a device, whether or not that is here.
Offer judge(const Engine& engine, const Problem& problem, const Device& device,
            const EngineWish& wish) {
  if (!wish.means(engine.name())) {
    return Offer::no(message("not the engine asked for, ", wish.engine));
  }
  if (!has_way(engine, wish.way)) return Offer::no(message("has no way '", wish.way, "'"));
  if (has_empty_tensor(problem) && !engine.takes_empty_tensors()) {
    return Offer::no("a tensor is empty, which it leaves to another engine");
  }
  return engine.offer(problem, device, wish.way);
}

Offer ask(const Engine& engine, const Problem& problem, const Device& device,
          const EngineWish& wish) {
  Offer offer = judge(engine, problem, device, wish);
  if (offer) offer.refusal = unusable(device);
  return offer;
}

Candidate candidate_of(const Engine& engine, const Offer& offer) {
  return {.engine = std::string(engine.name()),
          .way = std::string(offer.way),
          .supported = static_cast<bool>(offer),
          .reason = offer.refusal,
          .estimate_us = offer ? offer.estimate_us : 0};
}

// Why a prepared task breaks an option; empty if it does not.
std::string broken_option(const Task& task, const PlanOptions& options) {
  if (task.workspace_bytes() > options.workspace_limit) {
    return message("needs a workspace of ", task.workspace_bytes(), " bytes, the limit is ",
                   options.workspace_limit);
  }
  if (options.elementwise && task.error_bound().kind == ErrorBound::Kind::normwise) {
    return "errs by the norm of the data, which `elementwise` forbids";
  }
  return {};
}

// Null, with the reason, where memory runs out or a library of the device fails: another engine may
// do without.
std::unique_ptr<Task> prepare(const Offer& offer, const PlanOptions& options, std::string& reason) {
  try {
    const std::size_t limit = options.workspace_limit;
    if (offer.prepare_within != nullptr && limit != PlanOptions{}.workspace_limit) {
      return offer.prepare_within(limit);
    }
    return offer.prepare();
  } catch (const std::bad_alloc&) {
    reason = "there is no memory for its tables";
  } catch (const std::length_error&) {
    reason = "there is no memory for its tables";
  } catch (const DeviceError& error) {
    reason = error.what();
  }
  return nullptr;
}

}  // namespace

EngineWish::EngineWish(std::string_view text)
    : engine(text.substr(0, text.find('/'))),
      way(text.substr(std::min(text.size(), engine.size() + 1))) {}

bool EngineWish::means(std::string_view name) const {
  if (engine.empty() || name == engine) return true;
  const std::string_view family = name.substr(name.find('.') + 1);
  return family == engine || family.starts_with(message(engine, '_'));
}

void check_engine(std::string_view engine) { require_known(EngineWish(engine)); }

bool has_empty_tensor(const Problem& problem) {
  return element_count(problem.x_shape()) == 0 || element_count(problem.w_shape()) == 0 ||
         element_count(problem.y_shape()) == 0;
}

Choice choose_engine(const Problem& problem, const Device& device, const PlanOptions& options) {
  const FloatEnvironment environment;  // for tables and estimates
  problem.validate();
  const EngineWish wish(options.engine);
  require_known(wish);
  const auto engines = engine_list();
  Choice choice;
  std::vector<Offer> offers;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < engines.size(); ++i) {
    offers.push_back(ask(*engines[i], problem, device, wish));
    choice.candidates.push_back(candidate_of(*engines[i], offers[i]));
    if (offers[i]) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return offers[i].estimate_us; });
  for (const std::size_t i : order) {
    Candidate& candidate = choice.candidates[i];
    auto task = prepare(offers[i], options, candidate.reason);
    if (task != nullptr) candidate.reason = broken_option(*task, options);
    candidate.supported = candidate.reason.empty();
    if (!candidate.supported) continue;
    choice.engine = engines[i];
    choice.way = offers[i].way;
    choice.task = std::move(task);
    choice.estimate_us = candidate.estimate_us;
    break;
  }
  return choice;
}

std::vector<Candidate> candidates(const Problem& problem, const Device& device,
                                  const PlanOptions& options) {
  return choose_engine(problem, device, options).candidates;
}

std::vector<Candidate> candidates_for(const Problem& problem, std::string_view machine,
                                      std::string_view engine) {
  const FloatEnvironment environment;
  problem.validate();
  const EngineWish wish(engine);
  require_known(wish);
  std::vector<Candidate> list;
  const auto ask_all = [&](const Device& device) {
    for (const Engine* each : engine_list()) {
      list.push_back(candidate_of(*each, judge(*each, problem, device, wish)));
    }
  };
  if (const auto cpu = find_cpu_machine(machine)) {
    const ScopedMachine scope(*cpu);
    ask_all(Device::cpu());
  } else if (const auto gpu = find_gpu_machine(machine)) {
    const ScopedMachine scope(*gpu);
    ask_all(Device::cuda());
  } else {
    std::string known;
    for (const auto& names : {cpu_machine_names(), gpu_machine_names()}) {
      for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
    }
    throw InvalidProblem(message("machine '", machine, "' is not known; there are ", known));
  }
  return list;
}

std::vector<std::string> engine_names() {
  std::vector<std::string> names;
  for (const Engine* engine : engine_list()) names.emplace_back(engine->name());
  return names;
}

std::vector<std::string> engine_ways() {
  std::vector<std::string> names;
  for (const Engine* engine : engine_list()) {
    for (const WayText& text : engine->ways()) {
      names.push_back(message(engine->name(), '/', text.name));
    }
  }
  return names;
}

}  // namespace faltung
