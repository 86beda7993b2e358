#include <algorithm>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include <faltung/measure.hpp>
#include <faltung/plan.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/engine.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/normal_form.hpp"

namespace faltung {
namespace {

// The engine that would be chosen; null if none takes the problem.
const Candidate* fastest(const std::vector<Candidate>& candidates) {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!candidate.supported) continue;
    if (best == nullptr || candidate.estimate_us < best->estimate_us) best = &candidate;
  }
  return best;
}

// What an engine's library would choose there, after a comma; empty if that is not known.
std::string choice_of(const Candidate& candidate, const Problem& problem,
                      std::string_view machine) {
  const auto gpu = find_gpu_machine(machine);
  if (!gpu) return {};
  const ScopedMachine scope(*gpu);
  const auto engine = std::ranges::find(engine_list(), candidate.engine, &Engine::name);
  const std::string words = (*engine)->describe_elsewhere(normal_form(problem));
  return words.empty() ? words : message(", ", words);
}

}  // namespace

std::string explain_for(const Problem& problem, std::string_view machine, std::string_view engine) {
  const std::vector<Candidate> all = candidates_for(problem, machine, engine);
  const Candidate* best = fastest(all);
  std::string lines;
  for (const Candidate& candidate : all) {
    lines += message(&candidate == best ? "  -> " : "     ", candidate.engine);
    lines += candidate.supported ? message('/', candidate.way, ": estimate ", candidate.estimate_us,
                                           " us, limit ", limit_us(problem, machine, candidate),
                                           " us", choice_of(candidate, problem, machine), '\n')
                                 : message(": ", candidate.reason, '\n');
  }
  if (best == nullptr) {
    throw NoEngine(
        message("no engine can run [", problem, "] on the machine ", machine, '\n', lines));
  }
  const bool cpu = find_cpu_machine(machine).has_value();
  return message("problem    ", problem, "\nmachine    ", machine,
                 ", not here, so nothing was prepared: policy, workspace and error bound are "
                 "unknown\n",
                 cpu ? message("threads    ", threads(), ", as here\n") : "", "engine     ",
                 best->engine, '/', best->way, '\n', lines);
}

}  // namespace faltung
