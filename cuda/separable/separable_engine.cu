#include "cuda/separable/separable_engine.hpp"

#include <limits>
#include <utility>

#include "cpp/core/backend.hpp"
#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/core/way.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/primitives/operands_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/separable/separable_launch.hpp"
#include "cuda/separable/separable_lowering.hpp"
#include "cuda/separable/separable_policy.hpp"
#include "cuda/separable/separable_runs.hpp"
#include "cuda/separable/volume_policy.hpp"

namespace faltung::cuda {
namespace {

using separable::Arguments;
using separable::Finish;
using separable::Geometry;
using separable::PlaneTiling;
using separable::VolumeTiling;

int accumulator_bytes(const Problem& p) { return static_cast<int>(size_of(p.accumulator)); }

// Of an outer product: what the factors may differ from a tap, then the sums along the axes one
// after the other; each rounds the magnitudes that the next one sums.
ErrorBound bound_of(const Problem& p, const Geometry& g) {
  if (is_integer(p.accumulator)) return {};
  if (g.terms > 1) {  // the last factor for the roundings of the check itself
    return {ErrorBound::Kind::normwise, separable::tolerance_of(p).granted * (1 + 0x1p-20)};
  }
  const auto axes = static_cast<double>(p.rank());
  // The comparison of a tap with its factors rounds, too.
  double factor = 1 + separable::tolerance_of(p).relative + axes * unit_roundoff(p.accumulator);
  for (const AxisGeometry& axis : g.axis) {
    factor *= 1 + sum_error(static_cast<double>(axis.filter), p.accumulator);
  }
  return {ErrorBound::Kind::elementwise, factor - 1};
}

// Whether sums are stored as they are.
bool plain(const Problem& p) {
  return p.epilogue == Epilogue{} && p.result_dtype() == p.accumulator;
}

Finish finish_of(const Problem& p) {
  if (plain(p)) return Finish::plain;
  const bool narrow = p.epilogue == Epilogue{} && size_of(p.result_dtype()) <= 2 &&
                      size_of(p.accumulator) == 4 && !separable::is_volume(p);
  return narrow ? Finish::narrow : Finish::any;
}

// Of integers that wrap, the sum is finished fast while 32 bits hold it.
constexpr std::int32_t widest = std::int32_t{1} << 30;

separable::NarrowRule narrow_rule(const Problem& p) {
  const DType type = p.result_dtype();
  const bool whole = is_integer(p.accumulator);
  separable::NarrowRule rule{.low = whole ? std::numeric_limits<std::int32_t>::min() : -widest,
                             .high = whole ? std::numeric_limits<std::int32_t>::max() : widest,
                             .nearest = p.rounding == Rounding::nearest_even};
  if (!is_integer(type) || p.overflow == Overflow::wrap) return rule;
  const int bits = static_cast<int>(8 * size_of(type));
  if (bits > 16) return rule;
  rule.low = is_signed(type) ? -(1 << (bits - 1)) : 0;
  rule.high = (1 << (is_signed(type) ? bits - 1 : bits)) - 1;
  return rule;
}

double largest_value(const Problem& p) {
  if (is_integer(p.result_dtype()) && p.overflow == Overflow::wrap) return widest;
  return p.accumulator == DType::f64 ? std::numeric_limits<double>::max()
                                     : std::numeric_limits<float>::max();
}

// A problem as the kernels take it, and the device.
struct Call {
  Problem problem;
  Geometry geometry;
  Device device;
  GpuMachine gpu;
};

bool is_volume(const Call& call) { return separable::is_volume(call.problem); }

PlaneTiling cut_plane(const Call& call) {
  return separable::choose_strips(call.geometry, accumulator_bytes(call.problem), call.gpu.limits);
}

VolumeTiling cut_volume(const Call& call) {
  const Problem& p = call.problem;
  return separable::choose_tiles(call.geometry, accumulator_bytes(p), plain(p), call.gpu.limits);
}

// From the machine code, and until the factors are found.
double predicted_us(const Call& call) {
  const Problem& p = call.problem;
  const DType input = p.pass == Pass::forward ? p.input : p.output;
  const separable::Elements elements{p.accumulator, size_of(input), size_of(p.result_dtype()),
                                     finish_of(p)};
  const Geometry& g = call.geometry;
  const KernelRun run = is_volume(call) ? separable::run_of(g, cut_volume(call), elements)
                                        : separable::run_of(g, cut_plane(call), elements);
  return predict(call.gpu, run).us + separable::factoring_us(call.gpu, g);
}

// Why the kernels have no room for the problem on a device; empty if they do.
std::string size_refusal(const Problem& p, const Geometry& g, const GpuLimits& device) {
  const bool volume = separable::is_volume(p);
  if (volume && separable::choose_depth(g.axis[0].filter, accumulator_bytes(p), plain(p)) == 0) {
    return message("the filter has ", g.axis[0].filter,
                   " taps along its slowest axis, more sums than stay in registers for ",
                   name(p.accumulator), plain(p) ? "" : " with an epilogue or another result type");
  }
  const std::int64_t bytes = volume
                                 ? separable::volume_shared_bytes(g, accumulator_bytes(p), plain(p))
                                 : separable::shared_bytes(g, accumulator_bytes(p));
  const std::int64_t max = max_dynamic_shared(device);
  if (bytes <= max) return {};
  return message("rows and taps of a strip take ", bytes, " bytes of shared memory, a block has ",
                 max);
}

// A copy of the taps, for outputs that are formed by the definition, and their factors.
struct BoundFilter final : PreparedFilter {
  Tensor taps;
  const void* first = nullptr;  // tap 0 of the copy
  Tensor factors;
};

std::string words(const PlaneTiling& t, int terms) {
  return message("strips of ", t.rows, 'x', t.cols, ", ", separable::step_rows,
                 " rows a step, both axes in one pass",
                 terms > 1 ? message(", ", terms, " outer products") : "");
}
std::string words(const VolumeTiling& t, int) {
  return message("tiles of ", t.depth, 'x', t.rows, 'x', t.cols,
                 ", a slice a step, all axes in one pass");
}

template <typename Tiling>
class SeparableTask final : public Task {
 public:
  SeparableTask(const Call& call, const Tiling& tiling)
      : device_(call.device), w_rule_(w_rule(call.problem)), tiling_(tiling) {
    const Problem& p = call.problem;
    const Geometry& g = call.geometry;
    describe(p, arguments_);
    arguments_.geometry = g;
    arguments_.tolerance = separable::tolerance_of(p);
    arguments_.narrow = narrow_rule(p);
    arguments_.max = largest_value(p);
    bound_ = bound_of(p, g);
    x_vector_ = 16 / accumulator_bytes(p);
    y_vector_ = 8 / accumulator_bytes(p);
    x_fits_ = x_rows_aligned(g, x_vector_);
    y_fits_ = y_rows_aligned(g, y_vector_) && finish_of(p) != Finish::any;
    const DeviceGuard guard(device_.index);
    visit_accumulator([&](auto zero) {
      using Acc = decltype(zero);
      separable::start<Acc>(arguments_, tiling_, LaunchQueue::load_only());
      separable::launch_factors<Acc>(arguments_, {}, LaunchQueue::load_only());
    });
  }

  ErrorBound error_bound() const override { return bound_; }

  std::string policy() const override { return words(tiling_, arguments_.geometry.terms); }

  void run(const RunArguments& run) const override {
    Arguments arguments = arguments_;
    locate(run, arguments);
    if (const auto* filter = static_cast<const BoundFilter*>(run.prepared)) {
      arguments.w = bytes_at(filter->first);
      arguments.bound = bytes_at(static_cast<const void*>(filter->factors.data()));
    }
    Tiling tiling = tiling_;
    const auto aligned = [](const void* data, int elements, DType type) {
      return is_aligned(data, static_cast<std::size_t>(elements) * size_of(type));
    };
    tiling.x_vectors = x_fits_ && aligned(run.first, x_vector_, arguments.x_type);
    if (tiling.x_vectors) {
      tiling.shift =
          static_cast<int>(positive_remainder(-arguments.geometry.axis[2].pad_lo, x_vector_));
    }
    if constexpr (std::is_same_v<Tiling, PlaneTiling>) {
      tiling.y_vectors = y_fits_ && aligned(run.result, y_vector_, arguments.y_type);
    }
    const DeviceGuard guard(device_.index);
    visit_accumulator([&](auto zero) {
      separable::start<decltype(zero)>(arguments, tiling,
                                       static_cast<cudaStream_t>(run.stream.handle));
    });
  }

  std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                 const void* w) const override {
    auto filter = std::make_unique<BoundFilter>();
    const Strides& strides = w_rule_.strides;
    const ByteSpan span =
        byte_span({w, w_rule_.dtype, w_rule_.shape,
                   strides.empty() ? compact_strides(w_rule_.shape) : strides, device_});
    filter->taps = Tensor(DType::u8, {span.end - span.begin}, device_);
    cuda_backend().copy(filter->taps.data(), span.begin,
                        static_cast<std::size_t>(span.end - span.begin), stream);
    filter->first = static_cast<const std::byte*>(filter->taps.data()) +
                    (static_cast<const std::byte*>(w) - span.begin);
    const Geometry& g = arguments_.geometry;
    const auto size = static_cast<std::int64_t>(size_of(arguments_.accumulator));
    filter->factors = Tensor(DType::u8, {g.channels * separable::bound_size(g) * size}, device_);
    Arguments arguments = arguments_;
    arguments.w = bytes_at(filter->first);
    const auto to = bytes_at(static_cast<void*>(filter->factors.data()));
    const DeviceGuard guard(device_.index);
    visit_accumulator([&](auto zero) {
      separable::launch_factors<decltype(zero)>(arguments, to,
                                                static_cast<cudaStream_t>(stream.handle));
    });
    return filter;
  }

 private:
  // Calls f with a zero of the type that the kernels sum in.
  template <typename F>
  void visit_accumulator(const F& f) const {
    visit_type<float, double, std::uint32_t, std::uint64_t>(arguments_.accumulator, f);
  }

  Device device_;
  ViewRule w_rule_;
  Arguments arguments_;
  Tiling tiling_;
  ErrorBound bound_;
  int x_vector_ = 1, y_vector_ = 1;  ///< elements that move at once
  bool x_fits_ = false, y_fits_ = false;
};

template <typename Tiling, Tiling (*cut)(const Call&)>
std::unique_ptr<Task> make(const Call& call) {
  return std::make_unique<SeparableTask<Tiling>>(call, cut(call));
}

constexpr Way<Call> all_ways[] = {
    {.name = "volume",
     .takes = "outer products along three axes",
     .serves = is_volume,
     .us = predicted_us,
     .make = make<VolumeTiling, cut_volume>},
    {.name = "plane",
     .takes = "outer products along two axes, and sums of a few of them",
     .serves = [](const Call& call) { return !is_volume(call); },
     .us = predicted_us,
     .make = make<PlaneTiling, cut_plane>},
};

class SeparableEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.separable"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return texts<Way<Call>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = separable::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    const Call call{p, separable::lower(p), device, gpu_machine(device.index)};
    refusal = size_refusal(p, call.geometry, call.gpu.limits);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    return offer_of<Call>(all_ways, call, wanted);
  }
};

}  // namespace

const Engine& separable_engine() {
  static const SeparableEngine engine;
  return engine;
}

}  // namespace faltung::cuda
