#include "cuda/separable/separable_engine.hpp"

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/separable/separable_launch.hpp"
#include "cuda/separable/separable_lowering.hpp"
#include "cuda/separable/separable_policy.hpp"
#include "cuda/separable/volume_policy.hpp"

namespace faltung::cuda {
namespace {

using separable::Arguments;
using separable::Geometry;
using separable::Strips;

DType input_type(const Problem& p) { return p.pass == Pass::forward ? p.input : p.output; }

int accumulator_bytes(const Problem& p) { return static_cast<int>(size_of(p.accumulator)); }

// What the factors may differ from a tap, then the sums along the axes one after the other; each
// rounds the magnitudes that the next one sums.
ErrorBound bound_of(const Problem& p, const Geometry& g) {
  if (is_integer(p.accumulator)) return {};
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

Strips cut(const Problem& p, const Geometry& g) {
  return separable::is_volume(p) ? separable::choose_tiles(g, accumulator_bytes(p), plain(p))
                                 : separable::choose_strips(g, accumulator_bytes(p));
}

// Why the kernels have no room for the problem; empty if they do.
std::string size_refusal(const Problem& p, const Geometry& g) {
  const bool volume = separable::is_volume(p);
  if (volume && separable::choose_depth(g.axis[0].filter, accumulator_bytes(p), plain(p)) == 0) {
    return message("the filter has ", g.axis[0].filter,
                   " taps along its slowest axis, more sums than stay in registers for ",
                   name(p.accumulator), plain(p) ? "" : " with an epilogue or another result type");
  }
  const std::int64_t bytes = volume
                                 ? separable::volume_shared_bytes(g, accumulator_bytes(p), plain(p))
                                 : separable::shared_bytes(g, accumulator_bytes(p));
  if (bytes <= separable::most_shared) return {};
  return message("rows and taps of a strip take ", bytes, " bytes of shared memory, a block has ",
                 separable::most_shared);
}

bool all_multiples(const Geometry& g, bool of_x, int count) {
  const auto fits = [&](std::int64_t extent, std::int64_t stride) {
    return extent == 1 || stride % count == 0;
  };
  bool result = fits(g.channels, of_x ? g.x_channel : g.y_channel);
  result = result && fits(g.axis[0].input, of_x ? g.axis[0].x_stride : g.axis[0].y_stride);
  result = result && fits(2, of_x ? g.axis[1].x_stride : g.axis[1].y_stride);
  for (int i = 0; i < g.outer_count; ++i) {
    result = result && fits(g.outer[i].extent, of_x ? g.outer[i].x_stride : g.outer[i].y_stride);
  }
  return result && (of_x ? g.axis[2].x_stride : g.axis[2].y_stride) == 1;
}

class SeparableTask final : public Task {
 public:
  SeparableTask(const Problem& p, const Device& device)
      : device_(device), accumulator_(p.accumulator) {
    arguments_.x_type = input_type(p);
    arguments_.y_type = p.result_dtype();
    arguments_.w_type = p.filter;
    arguments_.geometry = separable::lower(p);
    arguments_.tolerance = separable::tolerance_of(p);
    arguments_.epilogue = epilogue_arguments(p);
    const Geometry& g = arguments_.geometry;
    arguments_.strips = cut(p, g);
    arguments_.volume = separable::is_volume(p);
    arguments_.plain = plain(p);
    bound_ = bound_of(p, g);
    x_vector_ = 16 / accumulator_bytes(p);
    y_vector_ = 8 / accumulator_bytes(p);
    x_fits_ = all_multiples(g, true, x_vector_);
    y_fits_ = all_multiples(g, false, y_vector_) && plain(p);
  }

  ErrorBound error_bound() const override { return bound_; }

  std::string policy() const override {
    const Strips& s = arguments_.strips;
    if (arguments_.volume) {
      return message("tiles of ", s.slices, 'x', s.rows, 'x', s.columns,
                     ", a slice a step, all axes in one pass");
    }
    return message("strips of ", s.rows, 'x', s.columns, ", ", separable::step_rows,
                   " rows a step, both axes in one pass");
  }

  void run(const RunArguments& run) const override {
    Arguments arguments = arguments_;
    arguments.x = Global<const unsigned char>(static_cast<const unsigned char*>(run.first));
    arguments.w = Global<const unsigned char>(static_cast<const unsigned char*>(run.second));
    arguments.y = Global<unsigned char>(static_cast<unsigned char*>(run.result));
    arguments.epilogue.bias =
        Global<const unsigned char>(static_cast<const unsigned char*>(run.bias));
    const auto aligned = [](const void* p, std::size_t bytes) {
      return reinterpret_cast<std::uintptr_t>(p) % bytes == 0;
    };
    const auto x_vector = static_cast<std::size_t>(x_vector_);
    arguments.strips.x_vectors =
        x_fits_ && aligned(run.first, x_vector * size_of(arguments.x_type));
    arguments.strips.y_vectors = y_fits_ && aligned(run.result, 8);
    if (arguments.strips.x_vectors) {
      arguments.strips.shift =
          static_cast<int>(positive_remainder(-arguments.geometry.axis[2].pad_lo, x_vector_));
    }
    const DeviceGuard guard(device_.index);
    const auto stream = static_cast<cudaStream_t>(run.stream.handle);
    switch (accumulator_) {
      case DType::f64:
        return separable::launch_separable<double>(arguments, stream);
      case DType::i32:
        return separable::launch_separable<std::uint32_t>(arguments, stream);
      case DType::i64:
        return separable::launch_separable<std::uint64_t>(arguments, stream);
      default:
        return separable::launch_separable<float>(arguments, stream);
    }
  }

 private:
  Device device_;
  DType accumulator_;
  Arguments arguments_;
  ErrorBound bound_;
  int x_vector_ = 1, y_vector_ = 1;  ///< elements that move at once
  bool x_fits_ = false, y_fits_ = false;
};

class SeparableEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.separable"; }

  Verdict supports(const Problem& p, const Device& device) const override {
    if (device.kind != DeviceKind::cuda) return Verdict::no("runs on CUDA devices only");
    std::string reason = separable::refusal(p);
    if (!reason.empty()) return Verdict::no(std::move(reason));
    reason = size_refusal(p, separable::lower(p));
    if (!reason.empty()) return Verdict::no(std::move(reason));
    return Verdict::yes();
  }

  double estimate_us(const Problem& p, const Device&) const override {
    const Geometry g = separable::lower(p);
    const auto predict =
        separable::is_volume(p) ? separable::predict_volume_us : separable::predict_us;
    return predict(g, cut(p, g), p.accumulator, size_of(input_type(p)), size_of(p.result_dtype()),
                   plain(p));
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device& device) const override {
    return std::make_unique<SeparableTask>(p, device);
  }
};

}  // namespace

const Engine& separable_engine() {
  static const SeparableEngine engine;
  return engine;
}

}  // namespace faltung::cuda
