#include "cpp/tools/demo/lab.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include <faltung/error.hpp>
#include "cpp/tools/demo/compare.hpp"
#include "cpp/tools/demo/html.hpp"

namespace faltung::tools::demo {
namespace {

/// The planner's reason in one line: its estimate, and that of the next best.
std::string reason(const Plan& plan, const PlanOptions& options) {
  if (!options.engine.empty()) return "named by the caller";
  std::string text = "estimated " + duration(plan.estimate_us() * 1e-6);
  std::vector<Candidate> others = candidates(plan.problem(), plan.device(), options);
  std::erase_if(others, [&](const Candidate& candidate) {
    return !candidate.supported || !candidate.reason.empty() || candidate.engine == plan.engine();
  });
  if (others.empty()) return text + ", the only engine for it";
  const auto next = std::ranges::min_element(others, {}, &Candidate::estimate_us);
  return text + fmt::format(", next {} {}", next->engine, duration(next->estimate_us * 1e-6));
}

/// A compact tensor under a shape of the problem, which may have extents of 1 added to it.
ConstTensorView as(const Tensor& tensor, const Shape& shape) {
  return {tensor.data(), tensor.dtype(), shape, compact_strides(shape), tensor.device()};
}

/// Median duration of `work` in seconds over at least five measurements and a fifth of a second;
/// the first run warms up.
double median_seconds(const Device& device, const std::function<void()>& work, int& runs) {
  using Clock = std::chrono::steady_clock;
  // CUDA runs are asynchronous. Copying one byte back waits for them, so a measurement there is
  // many runs, which hide what waiting costs.
  const bool asynchronous = device.kind != DeviceKind::cpu;
  const int batch = asynchronous ? 20 : 1;
  const Tensor witness(u8, {1}, device);
  const auto measure = [&](int count) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) work();
    if (asynchronous) (void)witness.to(Device::cpu());
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  measure(1);
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || (total < 0.2 && times.size() < 1000)) {
    total += times.emplace_back(measure(batch));
  }
  runs = batch * static_cast<int>(times.size());
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle / batch;
}

}  // namespace

Plan Lab::plan(const Problem& problem, const PlanOptions& options) const {
  for (std::size_t i = 0; i + 1 < devices_.size(); ++i) {
    try {
      return Plan::make(problem, devices_[i], options);
    } catch (const NoEngine&) {
    }
  }
  return Plan::make(problem, devices_.back(), options);
}

Outcome Lab::run(const std::string& label, const Problem& problem, const Tensor& x, const Tensor& w,
                 const PlanOptions& options) const {
  Plan plan = this->plan(problem, options);
  const Device device = plan.device();
  const Stream stream{device};
  const Tensor there_x = x.to(device);
  const Tensor there_w = w.to(device);
  Tensor there_y(problem.result_dtype(), problem.result_shape(), device);
  Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes())}, device);
  const Workspace workspace{memory.data(), plan.workspace_bytes()};
  const bool backward = problem.pass == Pass::backward_data;
  const ConstTensorView operand = as(there_x, backward ? problem.y_shape() : problem.x_shape());

  plan.bind_filter(stream, as(there_w, problem.w_shape()));
  Measurement m;
  m.seconds = median_seconds(
      device, [&] { plan.run_bound(stream, operand, there_y, workspace); }, m.runs);
  Tensor y = there_y.to(Device::cpu());
  const Comparison comparison = compare_with_reference(problem, plan.error_bound(), x, w, y);
  m.label = label;
  m.problem = to_string(problem);
  m.engine = plan.engine();
  m.why = reason(plan, options);
  m.explain = plan.explain();
  m.error = comparison.error_over_bound;
  m.bound = std::string(name(plan.error_bound().kind));
  m.checked = comparison.scope;
  return {std::move(y), std::move(m)};
}

}  // namespace faltung::tools::demo
