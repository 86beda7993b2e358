#include "cpp/core/verbose.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "cpp/core/message.hpp"
#include "cpp/core/text.hpp"

namespace faltung {
namespace {

constexpr std::array<std::string_view, 3> words = {"dispatch", "exec", "explain"};

std::array<bool, words.size()> from_environment() {
  std::array<bool, words.size()> asked{};
  const char* value = std::getenv("FALTUNG_VERBOSE");
  if (value == nullptr) return asked;
  for (const std::string_view word : split(value, ',')) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (word == words[i] || word == "all") asked[i] = true;
    }
  }
  return asked;
}

// In one call, so that lines of several threads do not mix.
void tell(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

bool is_verbose(Verbose what) {
  static const auto asked = from_environment();
  return asked[static_cast<std::size_t>(what)];
}

void tell_plan(const Plan& plan, bool by_wisdom) {
  if (is_verbose(Verbose::dispatch)) {
    tell(message("faltung: plan ", plan.device(), ' ', plan.engine(), '/', plan.way(), " estimate ",
                 plan.estimate_us(), " us", by_wisdom ? ", by wisdom" : "", ", workspace ",
                 plan.workspace_bytes(), " bytes [", plan.problem(), "]\n"));
  }
  if (is_verbose(Verbose::explain)) tell(plan.explain());
}

void RunReport::tell() const noexcept try {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double, std::micro> us = now - start_;
  faltung::tell(message("faltung: run ", device_, ' ', engine_, '/', way_,
                        device_.kind == DeviceKind::cpu ? " took " : " queued in ", us.count(),
                        " us [", problem_, "]\n"));
} catch (const std::exception&) {
  // A run does not fail because there is no memory to tell of it.
}

}  // namespace faltung
