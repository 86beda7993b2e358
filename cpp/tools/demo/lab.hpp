#pragma once

#include <string>
#include <utility>
#include <vector>

#include <faltung/device.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::tools::demo {

/// One problem as it ran: what chose the engine, how long it took, how right it was.
struct Measurement {
  std::string label;
  std::string problem;  ///< in the notation
  std::string engine;
  std::string why;      ///< the choice in one line
  std::string explain;  ///< Plan::explain
  double seconds = 0;   ///< median of `runs` runs, filter bound, data in place
  int runs = 0;
  double error = 0;     ///< largest error over its bound; at most 1 is right
  std::string bound;    ///< which kind of bound
  std::string checked;  ///< what was compared with the reference
};

struct Outcome {
  Tensor y;  ///< on the CPU
  Measurement measurement;
};

/// Where the demo's problems run, are timed and are checked.
class Lab {
 public:
  /// @param devices  to be tried in turn for each problem, until one has an engine for it
  explicit Lab(std::vector<Device> devices) : devices_(std::move(devices)) {}

  /// A plan on the first device that has an engine.
  ///
  /// @throws NoEngine of the last device.
  [[nodiscard]] Plan plan(const Problem& problem, const PlanOptions& options = {}) const;

  /// Plans, binds the filter, runs, measures, and checks against `cpu.reference`.
  ///
  /// @param x  on the CPU, compact: x, or dy for Pass::backward_data
  /// @param w  the filter, on the CPU, compact, with as many elements as the problem says
  [[nodiscard]] Outcome run(const std::string& label, const Problem& problem, const Tensor& x,
                            const Tensor& w, const PlanOptions& options = {}) const;

 private:
  std::vector<Device> devices_;
};

}  // namespace faltung::tools::demo
