#include "cpp/cpu/fft/fft_policy.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/fft/line_cost.hpp"

namespace faltung::fft {
namespace {

BlockPlan without_lengths(const Problem& p) {
  BlockPlan plan{.problem = p,
                 .order = {},
                 .blocks = {},
                 .lengths = {},
                 .tile = {},
                 .origin = {},
                 .tiles = {}};
  // Constants that meet constants are decided by the slowest axis, so that order must then stay.
  const bool skip = std::ranges::none_of(p.axes, has_constant);
  plan.problem.axes.clear();
  for (const bool taps : {false, true}) {
    for (std::size_t a = 0; a < p.rank(); ++a) {
      const Axis& axis = p.axes[a];
      if ((!skip || axis.filter > 1) != taps) continue;
      plan.order.push_back(static_cast<std::int64_t>(a));
      plan.problem.axes.push_back(axis);
      if (taps) continue;
      plan.blocks.push_back(axis.output());
      ++plan.skipped;
    }
  }
  return plan;
}

// What it takes to bring a block's data from a tensor, or back, beside the time of memory; see
// StepCosts.
constexpr double row_cycles = 148;
constexpr double point_cycles = 0.111;
// The tensors come from memory and go there, once: in rows, and with conversions, four times as
// slowly as a copy.
constexpr double of_copy = 4;

/// Chooses the lengths of a plan by their cost.
class LengthChoice {
 public:
  LengthChoice(BlockPlan plan, const InstructionSet& set, std::int64_t max_points)
      : plan_(std::move(plan)), max_points_(static_cast<double>(max_points)) {
    const Problem& p = plan_.problem;
    const DType type = p.accumulator;
    real_ = !is_complex(type);
    wide_ = type != DType::f32 && type != DType::c64;
    lanes_ = set.lanes(wide_ ? 8 : 4);
    for (std::size_t a = plan_.skipped; a < p.rank(); ++a) axes_.push_back(&p.axes[a]);
    pairs_ = static_cast<double>(p.out_channels) * static_cast<double>(p.in_channels / p.groups);
    images_ = static_cast<double>(p.batch);
    for (const std::int64_t extent : plan_.blocks) images_ *= static_cast<double>(extent);
    channels_ = static_cast<double>(p.in_channels) + static_cast<double>(p.out_channels);
    const bool single = p.pass == Pass::forward && p.in_channels == p.groups &&
                        p.out_channels == p.groups;  // nothing is summed
    product_ = single ? step_costs.product : step_costs.sum;
    double x = static_cast<double>(p.batch) * static_cast<double>(p.in_channels);
    double y = static_cast<double>(p.batch) * static_cast<double>(p.out_channels);
    for (const Axis& axis : p.axes) {
      x *= static_cast<double>(axis.input);
      y *= static_cast<double>(axis.output());
    }
    tensor_bytes_ =
        x * static_cast<double>(size_of(p.input)) + y * static_cast<double>(size_of(p.output));
  }

  // Each axis in turn takes the length that is best beside the others', from two beginnings: whole
  // axes, and the tiles that are best when the others are tiled.
  BlockPlan choose() {
    std::vector<std::vector<std::int64_t>> candidates;
    Shape best, tiled;
    for (std::size_t a = 0; a < axes_.size(); ++a) {
      candidates.push_back(lengths(a));
      best.push_back(candidates[a].back());
      tiled.push_back(candidates[a].front());
    }
    improve(best, candidates);
    if (best.size() > 1) {
      improve(tiled, candidates);
      if (cost(tiled) < cost(best)) best = tiled;
    }
    machine_ = &cpu_machine();
    plan_.nanoseconds = cost(best);
    for (std::size_t a = 0; a < axes_.size(); ++a) {
      const std::int64_t tile = outputs(a, best[a]);
      plan_.tile.push_back(tile);
      plan_.origin.push_back(whole(a, best[a]) ? needed(a).begin : 0);
      plan_.tiles.push_back((axes_[a]->output() - 1) / tile + 1);
    }
    plan_.lengths = best;
    return plan_;
  }

 private:
  [[nodiscard]] bool halved(std::size_t axis) const { return real_ && axis + 1 == axes_.size(); }

  // A length of at least `min` that transforms well, and whole registers if `registers`.
  [[nodiscard]] std::int64_t good(std::size_t axis, std::int64_t min,
                                  bool registers = false) const {
    const std::int64_t unit = halved(axis) ? 2 : 1;
    const std::int64_t points = (min - 1) / unit + 1;
    if (axes_.size() > 1) {
      const std::int64_t step = registers && axis + 2 >= axes_.size() ? lanes_ : 1;
      return unit * step * good_length((points - 1) / step + 1);
    }
    // One axis becomes a matrix, of whose sides both should fill registers.
    if (points < lanes_ * lanes_) return unit * good_length(points);
    std::int64_t best = 0;
    double min_cost = std::numeric_limits<double>::infinity();
    const double side = std::sqrt(static_cast<double>(points));
    const std::int64_t fewest =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(side / 2) / lanes_);
    for (std::int64_t rows = lanes_ * good_length(fewest); static_cast<double>(rows) <= 1.5 * side;
         rows = lanes_ * good_length(rows / lanes_ + 1)) {
      const std::int64_t columns = lanes_ * good_length((points - 1) / rows / lanes_ + 1);
      const double now = cut_cost(rows, columns, lanes_);
      if (now < min_cost) {
        min_cost = now;
        best = rows * columns;
      }
    }
    return unit * best;
  }

  // Shortest first; the last one serves the whole axis.
  [[nodiscard]] std::vector<std::int64_t> lengths(std::size_t a) const {
    const Axis& axis = *axes_[a];
    const std::int64_t whole = needed(a).points;
    std::vector<std::int64_t> result;
    // The backward pass adds what neighbouring tiles have in common, which only whole axes avoid.
    if (plan_.problem.pass != Pass::backward_data) {
      const std::int64_t span = axis.effective_filter();
      for (const double factor : {1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0,
                                  16.0, 24.0, 32.0, 64.0}) {
        const double min = factor * static_cast<double>(span) + 2;
        if (min > 0.75 * static_cast<double>(whole)) break;
        const std::int64_t points = std::max<std::int64_t>(static_cast<std::int64_t>(min), 16);
        result.push_back(good(a, points));
        if (axes_.size() > 1) result.push_back(good(a, points, true));
      }
    }
    if (axes_.size() > 1) result.push_back(good(a, whole, true));
    result.push_back(good(a, whole));
    return result;
  }

  [[nodiscard]] bool whole(std::size_t a, std::int64_t length) const {
    return length >= needed(a).points;
  }

  [[nodiscard]] AxisRange needed(std::size_t a) const {
    return needed_range(plan_.problem, plan_.skipped + a);
  }

  [[nodiscard]] std::int64_t outputs(std::size_t a, std::int64_t length) const {
    const Axis& axis = *axes_[a];
    if (whole(a, length)) return axis.output();
    return (length - axis.effective_filter()) / axis.stride + 1;
  }

  void improve(Shape& now, const std::vector<std::vector<std::int64_t>>& candidates) const {
    for (int round = 0; round < (now.size() > 1 ? 2 : 1); ++round) {
      for (std::size_t a = 0; a < now.size(); ++a) {
        double min = cost(now);
        Shape trial = now;
        for (const std::int64_t length : candidates[a]) {
          trial[a] = length;
          const double value = cost(trial);
          if (value >= min) continue;
          min = value;
          now = trial;
        }
      }
    }
  }

  // All transforms of a run, on one thread.
  [[nodiscard]] double cost(const Shape& lengths) const {
    double points = 1;
    for (const std::int64_t length : lengths) points *= static_cast<double>(length);
    if (points > max_points_) return std::numeric_limits<double>::infinity();
    double blocks = images_;
    for (std::size_t a = 0; a < axes_.size(); ++a) {
      blocks *= std::ceil(static_cast<double>(axes_[a]->output()) /
                          static_cast<double>(outputs(a, lengths[a])));
    }
    const double one = transform_ns(*machine_, lengths, real_, wide_, lanes_);
    const double registers = points / static_cast<double>(lanes_) / (real_ ? 2 : 1);
    // Rows are found, loaded and stored one by one.
    const double rows = points / static_cast<double>(lengths.back());
    const double moved = (rows * row_cycles + points * point_cycles) * machine_->cycle_ns();
    const double products = blocks * pairs_ * registers * product_ * step_ns(*machine_);
    return (blocks * channels_ + pairs_) * (one + moved) + products +
           tensor_bytes_ * of_copy / machine_->copy_bytes_per_ns;
  }

  BlockPlan plan_;
  std::vector<const Axis*> axes_;
  double max_points_;
  bool real_, wide_;
  std::int64_t lanes_;
  double pairs_, images_, channels_, tensor_bytes_, product_;
  const CpuMachine* machine_ = &reference_cpu_machine();
};

}  // namespace

BlockPlan plan_blocks(const Problem& p, const InstructionSet& set) {
  return plan_blocks(p, set, std::numeric_limits<std::int64_t>::max());
}

BlockPlan plan_blocks(const Problem& p, const InstructionSet& set, std::int64_t max_points) {
  return LengthChoice(without_lengths(p), set, max_points).choose();
}

Sizes sizes(const BlockPlan& plan) {
  Sizes result;
  for (const std::int64_t extent : plan.blocks) result.blocks *= static_cast<double>(extent);
  for (const Axis& axis : plan.problem.axes) {
    result.folds *= static_cast<double>(fold_multiplicity(axis));
  }
  for (std::size_t t = 0; t < plan.lengths.size(); ++t) {
    const Axis& axis = plan.problem.axes[plan.skipped + t];
    const double length = static_cast<double>(plan.lengths[t]);
    const double step = static_cast<double>(plan.tile[t]) * static_cast<double>(axis.stride);
    result.length *= length;
    result.outputs *= static_cast<double>(plan.tile[t]);
    result.taps *= static_cast<double>(axis.filter);
    result.blocks *= static_cast<double>(plan.tiles[t]);
    result.overlap *= std::min(static_cast<double>(plan.tiles[t]), std::ceil(length / step));
  }
  return result;
}

}  // namespace faltung::fft
