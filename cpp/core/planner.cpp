#include "cpp/core/planner.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/float_environment.hpp"
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

void require_known(const std::string& wanted) {
  const bool known = std::ranges::any_of(
      engine_list(), [&](const Engine* engine) { return is_asked_for(engine->name(), wanted); });
  if (!known) {
    throw InvalidProblem(
        message("engine '", wanted, "' is not known; this build has ", known_engines()));
  }
}

Verdict usable(const Device& device) {
  if (device.kind == DeviceKind::cpu) return Verdict::yes();
  const DeviceBackend& backend = cuda_backend();
  const std::string reason = backend.unavailable_reason();
  if (!reason.empty()) return Verdict::no(message("no CUDA device can be used here: ", reason));
  if (device.index >= backend.count()) {
    return Verdict::no(message("there is no ", device, ", the last device is ",
                               Device::cuda(backend.count() - 1)));
  }
  const std::string unusable = backend.unusable_reason(device.index);
  return unusable.empty() ? Verdict::yes() : Verdict::no(message(device, ' ', unusable));
}

Candidate ask(const Engine& engine, const Problem& problem, const Device& device,
              const PlanOptions& options) {
  Candidate candidate;
  candidate.engine = engine.name();
  if (!is_asked_for(engine.name(), options.engine)) {
    candidate.reason = message("not the engine asked for, ", options.engine);
    return candidate;
  }
  const std::string_view for_empty =
      device.kind == DeviceKind::cpu ? "cpu.reference" : "cuda.direct";
  if (has_empty_tensor(problem) && engine.name() != for_empty) {
    candidate.reason = message("a tensor is empty, which ", for_empty, " handles");
    return candidate;
  }
  Verdict verdict = engine.supports(problem, device);
  if (verdict) verdict = usable(device);
  candidate.supported = static_cast<bool>(verdict);
  candidate.reason = verdict.reason();
  if (verdict) candidate.estimate_us = engine.estimate_us(problem, device);
  return candidate;
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

// Null where memory runs out: another engine may do with less.
std::unique_ptr<Task> prepare(const Engine& engine, const Problem& problem, const Device& device) {
  try {
    return engine.prepare(problem, device);
  } catch (const std::bad_alloc&) {
    return nullptr;
  } catch (const std::length_error&) {
    return nullptr;
  }
}

}  // namespace

bool is_asked_for(std::string_view engine, std::string_view wanted) {
  if (wanted.empty() || engine == wanted) return true;
  const std::string_view family = engine.substr(engine.find('.') + 1);
  return family == wanted || family.starts_with(std::string(wanted) + '_');
}

bool has_empty_tensor(const Problem& problem) {
  return element_count(problem.x_shape()) == 0 || element_count(problem.w_shape()) == 0 ||
         element_count(problem.y_shape()) == 0;
}

Choice choose_engine(const Problem& problem, const Device& device, const PlanOptions& options) {
  const FloatEnvironment environment;  // for tables and estimates
  problem.validate();
  require_known(options.engine);
  const auto engines = engine_list();
  Choice choice;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < engines.size(); ++i) {
    choice.candidates.push_back(ask(*engines[i], problem, device, options));
    if (choice.candidates.back().supported) order.push_back(i);
  }
  std::ranges::stable_sort(order, {},
                           [&](std::size_t i) { return choice.candidates[i].estimate_us; });
  for (const std::size_t i : order) {
    Candidate& candidate = choice.candidates[i];
    auto task = prepare(*engines[i], problem, device);
    candidate.reason =
        task == nullptr ? "there is no memory for its tables" : broken_option(*task, options);
    candidate.supported = candidate.reason.empty();
    if (!candidate.supported) continue;
    choice.engine = engines[i];
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

std::vector<std::string> engine_names() {
  std::vector<std::string> names;
  for (const Engine* engine : engine_list()) names.emplace_back(engine->name());
  return names;
}

}  // namespace faltung
