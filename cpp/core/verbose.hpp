#pragma once

#include <chrono>
#include <string_view>

#include <faltung/plan.hpp>

namespace faltung {

/// What FALTUNG_VERBOSE asks for: some of these words, joined by commas, or `all`.
enum class Verbose : std::uint8_t {
  dispatch,  ///< a line on stderr for each plan that is made
  exec,      ///< a line for each run
  explain    ///< Plan::explain of each plan
};

/// The environment is read once in a process.
[[nodiscard]] bool is_verbose(Verbose what);

/// What is to be told when a plan is made.
void tell_plan(const Plan& plan, bool by_wisdom);

/// Tells of a run when it ends: the time of the call, which on a CUDA device is that of queueing.
class RunReport {
 public:
  RunReport(bool wanted, const Problem& problem, const Device& device, std::string_view engine,
            std::string_view way)
      : wanted_(wanted), problem_(problem), device_(device), engine_(engine), way_(way) {
    if (wanted) start_ = std::chrono::steady_clock::now();
  }
  RunReport(const RunReport&) = delete;
  RunReport& operator=(const RunReport&) = delete;
  ~RunReport() {
    if (wanted_) tell();
  }

 private:
  void tell() const noexcept;

  bool wanted_;
  const Problem& problem_;
  const Device& device_;
  std::string_view engine_, way_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace faltung
