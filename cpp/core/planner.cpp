#include "cpp/core/planner.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/normal_form.hpp"
#include "cpp/core/order.hpp"

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
  if (needs_order(problem) && !has_empty_tensor(problem)) {
    if (std::string reason = order_refusal(problem); !reason.empty()) return Offer::no(reason);
    if (!engine.keeps_order()) {
      return Offer::no(
          "sums in an order of its own, and math=reproducible asks for one that every "
          "device keeps");
    }
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

bool asks_elementwise(const PlanOptions& options) {
  return options.elementwise || options.accuracy == Accuracy::elementwise;
}

// An FFT engine's bound is elementwise where it watches the range; who asks for direct sums gets
// none of it.
bool errs_too_much(const Task& task, const PlanOptions& options) {
  if (options.elementwise && task.facts().watches_range) return true;
  return asks_elementwise(options) && task.error_bound().kind == ErrorBound::Kind::normwise;
}

// Why a prepared task breaks an option; empty if it does not.
std::string broken_option(const Task& task, const PlanOptions& options) {
  if (errs_too_much(task, options)) {
    return task.facts().watches_range
               ? "sums directly only what is small beside its data, and `elementwise` asks for all"
               : "errs by the norm of the data, which `elementwise` forbids";
  }
  if (task.workspace_bytes() > options.workspace_limit) {
    return message("needs a workspace of ", task.workspace_bytes(), " bytes, the limit is ",
                   options.workspace_limit);
  }
  return {};
}

bool has_limit(const PlanOptions& options) {
  return options.workspace_limit != PlanOptions{}.workspace_limit;
}

// Null, with the reason, where memory runs out or a library of the device fails: another engine may
// do without.
std::unique_ptr<Task> prepare(const Offer& offer, const PlanOptions& options, std::string& reason) {
  try {
    const std::size_t limit = options.workspace_limit;
    if (offer.prepare_within != nullptr && has_limit(options)) {
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

// Takes an engine's offer if it keeps the options and is the fastest so far.
//
// @return  false if it breaks one; the reason that is kept is that of the way that needs least
bool take(std::size_t index, const Offer& offer, const PlanOptions& options, Choice& choice) {
  const Engine& engine = *engine_list()[index];
  Candidate& candidate = choice.candidates[index];
  std::string reason;
  const double us = offer.estimate_us;
  auto task = prepare(offer, options, reason);
  if (task != nullptr) reason = broken_option(*task, options);
  if (!reason.empty()) {
    const bool of_use = task != nullptr && !errs_too_much(*task, options);
    const std::size_t bytes = of_use ? task->workspace_bytes() : 0;
    const bool needs_least =
        bytes > options.workspace_limit && (choice.least_by.empty() || bytes < choice.least_bytes);
    if (needs_least) {
      choice.least_bytes = bytes;
      choice.least_by = message(engine.name(), '/', offer.way);
    }
    if (candidate.supported && candidate.way != offer.way) return false;
    if (candidate.reason.empty() || needs_least) candidate.reason = std::move(reason);
    candidate.supported = false;
    return false;
  }
  if (!candidate.supported || candidate.way == offer.way || us < candidate.estimate_us) {
    candidate.supported = true;
    candidate.reason = {};
    candidate.way = offer.way;
    candidate.estimate_us = us;
  }
  if (choice.engine != nullptr && us >= choice.estimate_us) return true;
  choice.engine = &engine;
  choice.way = offer.way;
  choice.task = std::move(task);
  choice.estimate_us = us;
  return true;
}

// What an engine does without the way that it would choose, which breaks the limit or errs too
// much. It is no faster.
void take_other_ways(std::size_t index, const Offer& chosen, const Problem& problem,
                     const Device& device, const PlanOptions& options, Choice& choice) {
  const Engine& engine = *engine_list()[index];
  for (const WayText& way : engine.ways()) {
    if (way.name == chosen.way) continue;
    EngineWish wish(engine.name());
    wish.way = way.name;
    Offer offer = ask(engine, problem, device, wish);
    if (!offer) continue;
    offer.estimate_us = std::max(offer.estimate_us, chosen.estimate_us);
    (void)take(index, offer, options, choice);
  }
}

// What wisdom makes of a problem: the fastest measured way that keeps the options.
//
// @return  without an engine if there is none
Choice take_measured(const Problem& problem, const Device& device, const PlanOptions& options,
                     const EngineWish& wish, const Choice& asked) {
  Choice choice;
  choice.candidates = asked.candidates;
  choice.measured = asked.measured;
  const auto engines = engine_list();
  for (const MeasuredWay& known : asked.measured) {
    const EngineWish way(known.way);
    const auto engine = std::ranges::find(engines, way.engine, &Engine::name);
    if (engine == engines.end() || way.way.empty() || !wish.means(way.engine)) continue;
    const Offer offer = ask(**engine, problem, device, way);
    const auto index = static_cast<std::size_t>(engine - engines.begin());
    if (!offer || !take(index, offer, options, choice)) continue;
    choice.by_wisdom = true;
    break;
  }
  return choice;
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

Problem asked_problem(const Problem& problem, const PlanOptions& options) {
  Problem asked = problem;
  if (options.reproducible) asked.math = Math::reproducible;
  if (asked.math == Math::reproducible && options.flush_subnormals) {
    throw InvalidProblem(
        "flush_subnormals is set with reproducible, but what counts as zero then depends on the "
        "processor; leave one of them out");
  }
  return asked;
}

std::string lesser_promise(const PlanFacts& mine, const PlanFacts& theirs) {
  if (theirs.bitwise_reproducible && !mine.bitwise_reproducible) {
    return "its bits may change from run to run, those of the estimated plan do not";
  }
  if (mine.spreads_non_finite && !theirs.spreads_non_finite) {
    return "spreads NaN and infinity, which the estimated plan does not";
  }
  if (mine.flushes_subnormals && !theirs.flushes_subnormals) {
    return "takes subnormal numbers as zero, which the estimated plan does not";
  }
  return {};
}

bool has_empty_tensor(const Problem& problem) {
  return element_count(problem.x_shape()) == 0 || element_count(problem.w_shape()) == 0 ||
         element_count(problem.y_shape()) == 0;
}

Choice choose_engine(const Problem& given, const Device& device, const PlanOptions& options,
                     Wisdom wisdom) {
  const FloatEnvironment environment;  // for tables and estimates
  given.validate();
  const Problem problem = normal_form(asked_problem(given, options));
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
  Choice measured;
  if (wisdom == Wisdom::used && wish.way.empty() && !has_empty_tensor(problem)) {
    choice.measured = wisdom_of(problem, device);
    measured = take_measured(problem, device, options, wish, choice);
    // What promises all promises no less than any.
    if (measured.engine != nullptr && lesser_promise(measured.task->facts(), {}).empty()) {
      return measured;
    }
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return offers[i].estimate_us; });
  for (const std::size_t i : order) {
    if (choice.engine != nullptr && offers[i].estimate_us >= choice.estimate_us) break;
    if (take(i, offers[i], options, choice) || !wish.way.empty()) continue;
    if (!has_limit(options) && options.accuracy == Accuracy::normwise) continue;
    take_other_ways(i, offers[i], problem, device, options, choice);
  }
  const bool as_good = measured.engine != nullptr && choice.engine != nullptr &&
                       lesser_promise(measured.task->facts(), choice.task->facts()).empty();
  return as_good ? std::move(measured) : std::move(choice);
}

std::vector<Candidate> candidates(const Problem& problem, const Device& device,
                                  const PlanOptions& options) {
  return choose_engine(problem, device, options).candidates;
}

std::vector<Candidate> way_candidates(const Problem& given, const Device& device,
                                      const PlanOptions& options) {
  const FloatEnvironment environment;
  given.validate();
  const Problem problem = normal_form(asked_problem(given, options));
  const EngineWish wish(options.engine);
  require_known(wish);
  std::vector<Candidate> list;
  for (const Engine* engine : engine_list()) {
    if (engine->device_kind() != device.kind || !wish.means(engine->name())) continue;
    for (const WayText& way : engine->ways()) {
      if (!wish.way.empty() && way.name != wish.way) continue;
      EngineWish one(engine->name());
      one.way = way.name;
      list.push_back(candidate_of(*engine, ask(*engine, problem, device, one)));
      list.back().way = way.name;
    }
  }
  return list;
}

std::vector<Candidate> candidates_for(const Problem& given, std::string_view machine,
                                      std::string_view engine) {
  const FloatEnvironment environment;
  given.validate();
  const Problem problem = normal_form(given);
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
