#include "cpp/cpu/simpler_problem.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "cpp/core/geometry.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/flatten.hpp"
#include "cpp/cpu/layout_strides.hpp"

namespace faltung {
namespace {

bool meets_zeros_alone(const Axis& axis) {
  return all_met(axis, [](const Boundary& b) { return b.kind == BoundaryKind::zero; });
}

bool is_empty(const Problem& p) {
  return p.batch == 0 || p.in_channels == 0 || p.out_channels == 0 ||
         std::ranges::any_of(
             p.axes, [](const Axis& axis) { return axis.input == 0 || axis.output() == 0; });
}

void set_strides(Problem& p, const TensorStrides& x, const TensorStrides& w,
                 const TensorStrides& y) {
  p.x_strides = layout_strides(p.layout, x);
  p.w_strides = layout_strides(p.layout, w);
  p.y_strides = layout_strides(p.layout, y);
}

// Taps at either end of an axis of which no output meets an element.
struct IdleTaps {
  std::int64_t first = 0, last = 0;
};

IdleTaps idle_taps(const Axis& axis) {
  if (!meets_zeros_alone(axis)) return {};
  // The places of tap r reach from r dilation - pad_lo over so many.
  const std::int64_t reach = (axis.output() - 1) * axis.stride;
  IdleTaps idle;
  idle.first =
      std::clamp<std::int64_t>(ceil_divide(axis.pad_lo - reach, axis.dilation), 0, axis.filter - 1);
  const std::int64_t end = floor_divide(axis.dilated_input() - 1 + axis.pad_lo, axis.dilation) + 1;
  idle.last = axis.filter - std::clamp(end, idle.first + 1, axis.filter);
  return idle;
}

bool has_one_element(const Axis& axis) {
  return axis.input == 1 && axis.filter == 1 && axis.pad_lo == 0 && axis.output() == 1;
}

// A filter as large as the image.
bool is_covered(const Axis& axis) {
  return axis.input == axis.filter && axis.pad_lo == 0 && axis.dilation == 1 &&
         axis.input_dilation == 1 && axis.output() == 1;
}

// The step over channels and axes in order, if it is one for all of them.
std::optional<std::int64_t> common_step(const Problem& p, std::int64_t channels,
                                        const TensorStrides& strides) {
  std::vector<std::pair<std::int64_t, std::int64_t>> all;  // extents and their strides
  for (std::size_t a = 0; a < p.rank(); ++a) {
    all.emplace_back(p.axes[a].filter, strides.spatial[a]);
  }
  const bool last = p.layout == Layout::channels_last;
  all.insert(last ? all.end() : all.begin(), {channels, strides.channel});
  std::optional<std::int64_t> step;
  std::int64_t count = 1;
  for (auto i = all.rbegin(); i != all.rend(); ++i) {
    const auto [extent, stride] = *i;
    if (extent == 1) continue;
    if (!step) step = stride;
    if (stride != *step * count) return {};
    count *= extent;
  }
  return step;
}

// Results where w would be, or operands, at another place; or operands exchanged.
class MovedTask final : public Task {
 public:
  MovedTask(std::unique_ptr<Task> task, std::int64_t filter_bytes, bool exchanged, Pass pass)
      : task_(std::move(task)), filter_bytes_(filter_bytes), exchanged_(exchanged), pass_(pass) {}

  std::size_t workspace_bytes() const override { return task_->workspace_bytes(); }
  ErrorBound error_bound() const override { return task_->error_bound(); }
  std::string policy() const override { return task_->policy(); }
  PlanFacts facts() const override { return task_->facts(); }
  std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                 const void* w) const override {
    return exchanged_ ? nullptr : task_->prepare_filter(stream, moved(w));
  }
  void run(const RunArguments& arguments) const override {
    RunArguments own = arguments;
    if (pass_ == Pass::backward_filter) {
      own.result = static_cast<std::byte*>(arguments.result) + filter_bytes_;
    } else if (arguments.second != nullptr) {
      own.second = moved(arguments.second);
    }
    if (exchanged_) std::swap(own.first, own.second);
    task_->run(own);
  }

 private:
  [[nodiscard]] const void* moved(const void* w) const {
    return static_cast<const std::byte*>(w) + filter_bytes_;
  }

  std::unique_ptr<Task> task_;
  std::int64_t filter_bytes_;
  bool exchanged_;
  Pass pass_;  // of the problem as it was given
};

}  // namespace

SimplerProblem::SimplerProblem(const Problem& p) : SimplerProblem(p, AsGiven{}) {
  if (is_empty(p)) return;
  leave_out_taps();
  leave_out_axes();
  join_axes();
  join_channels();
  exchange_gradient();
  make_product();
}

std::unique_ptr<Task> SimplerProblem::task(std::unique_ptr<Task> task) const {
  if (filter_offset == 0 && !exchanged) return task;
  const auto bytes = filter_offset * static_cast<std::int64_t>(size_of(filter_));
  return std::make_unique<MovedTask>(std::move(task), bytes, exchanged, pass_);
}

// Not of filter gradients, whose results they are; nor where the constant of a slower axis stands
// beside the zeros.
void SimplerProblem::leave_out_taps() {
  Problem& p = problem;
  if (p.pass == Pass::backward_filter) return;
  // Fewer taps are cut into other blocks.
  if (keeps_order_in_parts(p) && sum_steps(sum_extents(p)) != sum_extents(p)) return;
  std::vector<IdleTaps> idle;
  bool constants = false;
  for (const Axis& axis : p.axes) {
    idle.push_back(constants ? IdleTaps{} : idle_taps(axis));
    constants |= !all_met(axis, [](const Boundary& b) { return b.kind != BoundaryKind::constant; });
  }
  if (std::ranges::all_of(idle, [](IdleTaps i) { return i.first == 0 && i.last == 0; })) return;
  if (p.w_strides.empty()) p.w_strides = compact_strides(p.w_shape());
  const Strides steps = w_strides(p).spatial;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    Axis& axis = p.axes[a];
    axis.filter -= idle[a].first + idle[a].last;
    axis.pad_lo -= idle[a].first * axis.dilation;
    axis.pad_hi -= idle[a].last * axis.dilation;
    filter_offset += (p.flip ? idle[a].last : idle[a].first) * steps[a];
  }
}

void SimplerProblem::leave_out_axes() {
  Problem& p = problem;
  if (std::ranges::none_of(p.axes, has_one_element)) return;
  TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  std::vector<Axis> axes;
  std::array<Strides, 3> steps;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const bool none_else = axes.empty() && a + 1 == p.rank();
    if (has_one_element(p.axes[a]) && !none_else) continue;
    axes.push_back(p.axes[a]);
    steps[0].push_back(x.spatial[a]);
    steps[1].push_back(w.spatial[a]);
    steps[2].push_back(y.spatial[a]);
  }
  if (axes.size() == p.rank()) return;
  p.axes = std::move(axes);
  x.spatial = steps[0];
  w.spatial = steps[1];
  y.spatial = steps[2];
  set_strides(p, x, w, y);
}

// Three are what vector kernels take.
void SimplerProblem::join_axes() {
  if (problem.rank() > 3) problem = flattened(problem);
}

void SimplerProblem::join_channels() {
  Problem& p = problem;
  const std::int64_t taps = element_count(filter_extents(p));
  const std::int64_t group_inputs = p.in_channels / p.groups;
  if (taps == 1 || keeps_order_in_parts(p) || !std::ranges::all_of(p.axes, is_covered)) return;
  if (p.pass == Pass::backward_data && p.epilogue.bias) return;  // one for each channel
  if (p.groups > 1 && p.layout == Layout::channels_last) return;
  if (p.flip && group_inputs > 1) return;
  TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  const auto x_step = common_step(p, p.in_channels, x);
  const auto w_step = common_step(p, group_inputs, w);
  if (!x_step || !w_step) return;
  if (p.flip) filter_offset += (taps - 1) * *w_step;
  x.channel = *x_step;
  w.channel = p.flip ? -*w_step : *w_step;
  x.spatial = w.spatial = y.spatial = {1};
  p.layout = Layout::channels_first;
  p.in_channels *= taps;
  p.axes = {Axis{}};
  p.flip = false;
  p.separable = 0;
  set_strides(p, x, w, y);
}

// dw[r] = sum over o of X[o + r d - lo] dy[o], where X has an element at every u-th place, is
//
//     dw[R - 1 - r'] = sum over i of Y[i u + r' d - ((R - 1) d - lo)] x[i]
//
// with Y that is dy, and zero outside. The adjoint conjugates the other operand.
void SimplerProblem::exchange_gradient() {
  const Problem& p = problem;
  if (p.pass != Pass::backward_filter ||
      std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; }) ||
      !std::ranges::all_of(
          p.axes, [](const Axis& axis) { return axis.stride == 1 && meets_zeros_alone(axis); })) {
    return;
  }
  const TensorStrides w = w_strides(p);
  const std::int64_t inputs = p.in_channels / p.groups, outputs = p.out_channels / p.groups;
  TensorStrides other = w;
  other.channel = w.outer;
  other.outer = w.channel;
  if (p.groups > 1) {  // input channels, counted over groups, must lie one step apart in dw
    if (inputs == 1) {
      other.outer = outputs * w.outer;
    } else if (outputs != 1 || w.outer != inputs * w.channel) {
      return;
    }
  }
  Problem q = p;
  std::swap(q.in_channels, q.out_channels);
  std::swap(q.input, q.output);
  q.flip = !p.flip;
  if (is_complex(p.accumulator)) q.conjugate = !p.conjugate;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    Axis& to = q.axes[a];
    to.input = axis.output();
    to.stride = axis.input_dilation;
    to.input_dilation = 1;
    to.below = to.above = Boundary{};
    to.pad_lo = axis.effective_filter() - 1 - axis.pad_lo;
    to.pad_hi = axis.dilated_input() - 1 + axis.effective_filter() - to.input - to.pad_lo;
  }
  set_strides(q, y_strides(p), other, x_strides(p));
  problem = q;
  exchanged = true;
}

// Of matrices Y[i, j] = sum over l of A[i, l] B[j, l]: with B as an image of j places, whose
// channels are l, and A as the filter of i output channels. In the order of memory vectors of B and
// Y are then places side by side.
void SimplerProblem::make_product() {
  const Problem& p = problem;
  if (p.pass == Pass::forward || p.rank() != 1 || !has_one_element(p.axes[0]) || p.groups > 1 ||
      is_complex(p.accumulator) || p.epilogue.bias || exchanged) {
    return;
  }
  const TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  Problem q = p;
  q.pass = Pass::forward;
  q.separable = 0;
  q.layout = Layout::channels_first;
  q.batch = 1;
  // A row of one plane: kernels that read rows where they lie take two axes.
  q.axes = {Axis{}, Axis{.input = p.in_channels}};
  if (p.pass == Pass::backward_data) {  // dx[b, c] = sum over k of dy[b, k] w[k, c]
    if (w.channel != 1 || x.channel != 1) return;
    q.in_channels = p.out_channels;
    q.out_channels = p.batch;
    q.input = p.filter;
    q.filter = p.output;
    q.output = p.input;
    set_strides(q, {.outer = 1, .channel = w.outer, .spatial = {1, 1}},
                {.outer = y.outer, .channel = y.channel, .spatial = {1, 1}},
                {.outer = 1, .channel = x.outer, .spatial = {1, 1}});
    exchanged = true;
  } else {  // dw[k, c] = sum over b of dy[b, k] x[b, c]
    if (w.channel != 1 || x.channel != 1) return;
    q.in_channels = p.batch;
    q.output = p.filter;
    q.filter = p.output;
    set_strides(q, {.outer = 1, .channel = x.outer, .spatial = {1, 1}},
                {.outer = y.channel, .channel = y.outer, .spatial = {1, 1}},
                {.outer = 1, .channel = w.outer, .spatial = {1, 1}});
  }
  problem = q;
}

}  // namespace faltung
