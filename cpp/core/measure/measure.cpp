#include <faltung/measure.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/measure/operands.hpp"
#include "cpp/core/measure/race.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/planner.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/wisdom.hpp"

namespace faltung {
namespace {

using measuring::Contender;

void check_number(std::string_view field, double value, double least) {
  if (std::isfinite(value) && value >= least) return;
  throw InvalidProblem(message("MeasureOptions::", field, " is ", value,
                               "; it must be a finite number of at least ", least));
}

void check(const MeasureOptions& how, const Device& device) {
  check_number("ways", how.ways, 1);
  check_number("max_seconds", how.max_seconds, 0);
  check_number("run_seconds", how.run_seconds, 0);
  check_number("cut", how.cut, 1);
  if (how.processor_time && (device.kind != DeviceKind::cpu || threads() > 1)) {
    throw InvalidProblem(message(
        "MeasureOptions::processor_time is true, which is the time of one thread of the CPU; the "
        "problem is for ",
        device, ", and plans take up to ", threads(),
        " threads; call set_threads(1), or leave it false"));
  }
  const Device& streams = stream_on(device, how.stream).device;
  if (streams != device) {
    throw InvalidProblem(message("MeasureOptions::stream is on ", streams, ", the problem is for ",
                                 device, "; pass a stream of that device, or Stream{}"));
  }
}

// Of a plan for one way alone: what follows the engine's name in the last line.
std::string reason_in(const std::string& refusal) {
  const std::size_t line = refusal.find("\n  ");
  const std::size_t colon = refusal.find(": ", line == std::string::npos ? 0 : line);
  const std::size_t end = refusal.find('\n', colon == std::string::npos ? 0 : colon);
  return colon == std::string::npos ? refusal : refusal.substr(colon + 2, end - colon - 2);
}

/// Chooses who runs.
class Entries {
 public:
  Entries(const Problem& problem, const Device& device, const PlanOptions& options,
          const MeasureOptions& how)
      : problem_(problem), device_(device), options_(options), how_(how) {
    const Choice estimated = choose_engine(problem, device, options, Wisdom::unused);
    if (estimated.engine == nullptr) {
      (void)Plan::make(problem, device, options);  // says why
      throw NoEngine(message("no engine can run [", problem, "] on ", device));
    }
    facts_ = estimated.task->facts();
    facts_.flushes_subnormals = facts_.flushes_subnormals || options.flush_subnormals;
    bytes_ = measuring::operand_bytes(problem);
    for (const Candidate& candidate : way_candidates(problem, device, options)) {
      const std::string way = message(candidate.engine, '/', candidate.way);
      if (!candidate.supported) {
        rest_.push_back(
            {.way = way, .outcome = MeasureOutcome::refused, .reason = candidate.reason});
      } else {
        waiting_.push_back({candidate.engine, way, candidate.estimate_us});
      }
    }
    // What the planner would take is the first, whatever its engine's ways say one by one.
    const std::string first = message(estimated.engine->name(), '/', estimated.way);
    std::ranges::stable_sort(waiting_, [&](const Waiting& a, const Waiting& b) {
      return (a.way == first) != (b.way == first) ? a.way == first : a.us < b.us;
    });
    enter_all();
  }

  [[nodiscard]] const std::vector<Contender>& contenders() const { return contenders_; }
  [[nodiscard]] const std::vector<WayMeasurement>& rest() const { return rest_; }

 private:
  struct Waiting {
    std::string engine, way;
    double us;
  };

  // The last place is kept for an engine that has none yet.
  void enter_all() {
    std::vector<std::string> engines;
    const auto places = static_cast<std::size_t>(how_.ways);
    for (const Waiting& next : waiting_) {
      const bool other = std::ranges::find(engines, next.engine) == engines.end();
      const bool last = contenders_.size() + 1 == places;
      const bool kept = last && !other && engines.size() == 1 && is_another_waiting(next.engine);
      if (contenders_.size() == places || kept) {
        rest_.push_back({.way = next.way,
                         .estimate_us = next.us,
                         .reason = message("is beyond the ", places, " ways that are run")});
        continue;
      }
      if (enter(next) && other) engines.push_back(next.engine);
    }
  }

  [[nodiscard]] bool is_another_waiting(const std::string& engine) const {
    return std::ranges::any_of(waiting_,
                               [&](const Waiting& each) { return each.engine != engine; });
  }

  bool enter(const Waiting& next) {
    const auto leave_out = [&](MeasureOutcome outcome, std::string reason) {
      rest_.push_back({next.way, next.us, outcome, 0, std::move(reason)});
      return false;
    };
    PlanOptions options = options_;
    options.engine = next.way;
    try {
      auto plan = std::make_shared<const Plan>(Plan::make(problem_, device_, options));
      if (std::string less = lesser_promise(plan->facts(), facts_); !less.empty()) {
        return leave_out(MeasureOutcome::not_run, std::move(less));
      }
      const double bytes = bytes_ + static_cast<double>(plan->workspace_bytes());
      if (bytes > static_cast<double>(how_.memory_limit)) {
        return leave_out(
            MeasureOutcome::not_run,
            message("takes ", bytes, " bytes with its operands, the limit is ", how_.memory_limit));
      }
      const auto run = [plan](const measuring::RunMemory& memory) {
        plan->run(memory.stream, memory.first, memory.second, memory.result, memory.workspace,
                  memory.bias);
      };
      contenders_.push_back({next.way, next.us, plan->error_bound(), plan->workspace_bytes(), run});
      return true;
    } catch (const InvalidProblem& error) {  // options that do not go with this engine
      return leave_out(MeasureOutcome::refused, error.what());
    } catch (const NoEngine& error) {
      return leave_out(MeasureOutcome::refused, reason_in(error.what()));
    } catch (const DeviceError& error) {
      return leave_out(MeasureOutcome::failed, error.what());
    }
  }

  const Problem& problem_;
  const Device& device_;
  const PlanOptions& options_;
  const MeasureOptions& how_;
  PlanFacts facts_;
  double bytes_ = 0;
  std::vector<Waiting> waiting_;
  std::vector<Contender> contenders_;
  std::vector<WayMeasurement> rest_;
};

}  // namespace

std::string_view name(MeasureOutcome outcome) noexcept {
  constexpr std::array<std::string_view, 7> names = {"measured", "cut",     "wrong",  "failed",
                                                     "overdue",  "refused", "not run"};
  return names[static_cast<std::size_t>(outcome)];
}

Measurement measure(const Problem& given, const Device& device, const PlanOptions& options,
                    const MeasureOptions& how) {
  check(how, device);
  const Problem problem = asked_problem(given, options);
  const Entries entries(problem, device, options, how);
  Measurement found;
  if (!entries.contenders().empty() && !has_empty_tensor(problem)) {
    found = measuring::race(problem, device, entries.contenders(), how);
  }
  std::ranges::copy(entries.rest(), std::back_inserter(found.ways));
  std::ranges::stable_sort(found.ways, [](const WayMeasurement& a, const WayMeasurement& b) {
    if (a.outcome != b.outcome) return a.outcome < b.outcome;
    return a.outcome == MeasureOutcome::measured && a.us < b.us;
  });
  if (!how.remember) return found;
  std::vector<MeasuredWay> known;
  for (const WayMeasurement& way : found.ways) {
    if (way.outcome == MeasureOutcome::measured) known.push_back({way.way, way.us});
  }
  if (!known.empty()) remember(problem, device, known);
  return found;
}

Plan plan_measured(const Problem& given, const Device& device, const PlanOptions& options,
                   const MeasureOptions& how) {
  const Problem problem = asked_problem(given, options);
  if (wisdom_of(problem, device).empty()) (void)measure(problem, device, options, how);
  return Plan::make(problem, device, options);
}

}  // namespace faltung
