#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/rank.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/rank/rank_filter.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// Places in the box of the window that belong to it, and how many: "size" or "footprint" decides.
struct Box {
  std::vector<std::int64_t> extent;  // along each filtered axis
  std::vector<std::uint8_t> inside;  // empty: all
  std::int64_t members = 1;
};

bool has_footprint(const RankOptions& options) { return options.footprint.data != nullptr; }

Box box_of_size(const RankOptions& options, const std::vector<std::size_t>& axes) {
  Box box;
  box.extent = options.size.expand("size", axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (box.extent[i] < 1) {
      throw InvalidProblem(message("size is ", box.extent[i], " along axis ", axes[i],
                                   "; a window holds at least 1 element"));
    }
    if (__builtin_mul_overflow(box.members, box.extent[i], &box.members)) {
      throw InvalidProblem(message("size is ", box.extent[i], " along axis ", axes[i],
                                   ", so that the window holds more than 2^63 - 1 elements; use a "
                                   "smaller one"));
    }
  }
  return box;
}

void check_footprint(const ConstTensorView& footprint, std::size_t axes) {
  if (footprint.strides.size() != footprint.shape.size()) {
    throw InvalidProblem(message("footprint of shape ", footprint.shape, " has ",
                                 footprint.strides.size(), " strides; give one stride per axis"));
  }
  if (footprint.shape.size() != axes) {
    throw InvalidProblem(message("footprint has ", footprint.shape.size(), " axes, ", axes,
                                 " are filtered; give it one for each"));
  }
  if (is_complex(footprint.dtype)) {
    throw InvalidProblem(message("footprint has complex type ", name(footprint.dtype),
                                 "; it says which elements belong to the window, so use u8"));
  }
  if (footprint.device.kind != DeviceKind::cpu) {
    throw InvalidProblem(
        message("footprint is on ", footprint.device, "; copy it with Tensor::to(Device::cpu())"));
  }
}

Box box_of_footprint(const RankOptions& options, const std::vector<std::size_t>& axes) {
  const ConstTensorView& footprint = options.footprint;
  check_footprint(footprint, axes.size());
  Box box;
  box.extent.assign(footprint.shape.begin(), footprint.shape.end());
  box.inside.reserve(static_cast<std::size_t>(element_count(footprint.shape)));
  visit_dtype(footprint.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_index(footprint.shape, [&](std::int64_t, const Extents& at) {
      const T value = static_cast<const T*>(footprint.data)[offset_of(at, footprint.strides)];
      bool inside = false;
      if constexpr (is_integer(dtype_of<T>)) {
        inside = value != 0;
      } else if constexpr (!is_complex(dtype_of<T>)) {
        inside = static_cast<double>(value) != 0;  // NaN is not 0, as in NumPy
      }
      box.inside.push_back(inside ? 1 : 0);
    });
  });
  box.members = std::accumulate(box.inside.begin(), box.inside.end(), std::int64_t{0});
  if (box.members == 0) {
    throw InvalidProblem(message("footprint of shape ", footprint.shape,
                                 " has no element that is not 0; a window holds at least 1"));
  }
  if (box.members == static_cast<std::int64_t>(box.inside.size())) box.inside.clear();
  return box;
}

// The box with its axes in the order of those of x.
std::vector<std::uint8_t> in_order_of_x(const Box& box, const std::vector<std::size_t>& axes,
                                        const Extents& extent) {
  if (box.inside.empty()) return {};
  Strides strides = Extents::filled(extent.size(), 0);
  std::int64_t step = 1;
  for (std::size_t i = axes.size(); i-- > 0; step *= box.extent[i]) strides[axes[i]] = step;
  std::vector<std::uint8_t> inside;
  for_each_index(extent, [&](std::int64_t, const Extents& at) {
    inside.push_back(box.inside[static_cast<std::size_t>(offset_of(at, strides))]);
  });
  return inside;
}

rank::Window window_of(const ConstTensorView& x, const RankOptions& options) {
  if (has_footprint(options) != options.size.empty()) {
    throw InvalidProblem(message("size and footprint are ",
                                 has_footprint(options) ? "both given" : "both left out",
                                 "; one of them says what a window holds, so give exactly one"));
  }
  const std::size_t rank = x.shape.size();
  const std::vector<std::size_t> axes = checked_axes(options.axes, rank);
  const Box box =
      has_footprint(options) ? box_of_footprint(options, axes) : box_of_size(options, axes);
  const auto boundaries = options.boundary.expand("boundary", axes.size());
  const auto origins = options.origin.expand("origin", axes.size());
  rank::Window window;
  window.extent = Extents::filled(rank, 1);
  window.before = Extents::filled(rank, 0);
  window.boundary.resize(rank);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    check_origin(origins[i], box.extent[i]);
    rules::check_boundary(axes[i], "below", boundaries[i], x.dtype);
    window.extent[axes[i]] = box.extent[i];
    window.before[axes[i]] = box.extent[i] / 2 + origins[i];
    window.boundary[axes[i]] = boundaries[i];
  }
  window.inside = in_order_of_x(box, axes, window.extent);
  window.members = box.members;
  return window;
}

std::int64_t checked_rank(std::int64_t rank, std::int64_t members) {
  if (rank < -members || rank >= members) {
    throw InvalidProblem(message("rank is ", rank, ", the window holds ", members,
                                 " elements; use ", -members, " to ", members - 1));
  }
  return rank < 0 ? rank + members : rank;
}

std::int64_t rank_of_percentile(double percentile, std::int64_t members) {
  if (!(percentile >= -100 && percentile <= 100)) {
    throw InvalidProblem(message("percentile is ", percentile,
                                 "; use 0 to 100, or -100 to 0 to "
                                 "count from 100"));
  }
  if (percentile < 0) percentile += 100;
  if (percentile == 100) return members - 1;
  return static_cast<std::int64_t>(static_cast<double>(members) * percentile / 100);
}

void check_rank_call(const Steps& steps) {
  const ConstTensorView& x = steps.x();
  const TensorView& y = steps.y();
  for (const DType type : {x.dtype, y.dtype}) {
    if (is_complex(type)) {
      throw InvalidProblem(message("x and the result have types ", name(x.dtype), " and ",
                                   name(y.dtype),
                                   "; complex numbers have no order, so filter the "
                                   "real and the imaginary part, or the magnitude"));
    }
  }
  rules::check_strides("x", x, false);
  rules::check_strides("y", y, true);
}

Step rank_step(const Steps& steps, Place to, rank::Window window) {
  Step step{.from = Place::x, .to = to, .what = "rank of windows"};
  const TensorView y = steps.view(to);
  if (y.device.kind == DeviceKind::cpu) {
    step.run = [window = std::move(window)](const ConstTensorView& in, const TensorView& out,
                                            const Stream&, const Workspace&) {
      const FloatEnvironment environment;
      rank::filter(in, out, window);
    };
    return step;
  }
  if (element_count(y.shape) == 0) {
    step.run = [](const auto&...) {};
    return step;
  }
  const std::shared_ptr<const rank::Task> task =
      cuda_backend().make_rank_task(steps.x(), y, window);
  step.workspace_bytes = task->workspace_bytes();
  step.run = [task](const ConstTensorView& in, const TensorView& out, const Stream& stream,
                    const Workspace& workspace) { task->run(in, out, stream, workspace); };
  return step;
}

// @param rank_of  the rank in a window of that many members
template <typename RankOf>
auto ranks(const RankOptions& options, RankOf rank_of) {
  return [&options, rank_of](Steps& steps, const Call& call) {
    check_no_engine(call.run, "rank filters choose elements");
    check_rank_call(steps);
    rank::Window window = window_of(steps.x(), options);
    window.rank = rank_of(window.members);
    if (steps.x().dtype == steps.y().dtype) {
      return steps.add(rank_step(steps, Place::y, std::move(window)));
    }
    steps.set_between(steps.x().dtype);
    steps.add(rank_step(steps, Place::first, std::move(window)));
    add_copy(steps, Place::first, Place::y, call);
  };
}

auto ranks_of(const RankOptions& options, std::int64_t rank) {
  return ranks(options, [rank](std::int64_t members) { return checked_rank(rank, members); });
}
auto medians(const RankOptions& options) {
  return ranks(options, [](std::int64_t members) { return members / 2; });
}
auto percentiles(const RankOptions& options, double percentile) {
  return ranks(options, [percentile](std::int64_t members) {
    return rank_of_percentile(percentile, members);
  });
}

}  // namespace

void rank_filter(const ConstTensorView& x, std::int64_t rank, const ResultView& y,
                 const RankOptions& options) {
  filter_into(x, y, options, ranks_of(options, rank));
}
Tensor rank_filter(const ConstTensorView& x, std::int64_t rank, const RankOptions& options) {
  return filtered(x, options, ranks_of(options, rank));
}
FilterPlan plan_rank_filter(const ConstTensorView& x, std::int64_t rank,
                            const RankOptions& options) {
  return planned_filter(x, options, ranks_of(options, rank));
}

void median_filter(const ConstTensorView& x, const ResultView& y, const RankOptions& options) {
  filter_into(x, y, options, medians(options));
}
Tensor median_filter(const ConstTensorView& x, const RankOptions& options) {
  return filtered(x, options, medians(options));
}
FilterPlan plan_median_filter(const ConstTensorView& x, const RankOptions& options) {
  return planned_filter(x, options, medians(options));
}

void percentile_filter(const ConstTensorView& x, double percentile, const ResultView& y,
                       const RankOptions& options) {
  filter_into(x, y, options, percentiles(options, percentile));
}
Tensor percentile_filter(const ConstTensorView& x, double percentile, const RankOptions& options) {
  return filtered(x, options, percentiles(options, percentile));
}
FilterPlan plan_percentile_filter(const ConstTensorView& x, double percentile,
                                  const RankOptions& options) {
  return planned_filter(x, options, percentiles(options, percentile));
}

}  // namespace faltung::image
