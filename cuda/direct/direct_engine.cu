#include "cuda/direct/direct_engine.hpp"

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda {
namespace {

using direct::Arguments;
using direct::Geometry;
using direct::Tiling;

// The accumulator type of a problem, as a call with its value.
template <typename F>
decltype(auto) visit_accumulator(DType accumulator, F&& f) {
  switch (accumulator) {
    case DType::f64:
      return f(double{});
    case DType::c64:
      return f(Complex<float>{});
    case DType::c128:
      return f(Complex<double>{});
    case DType::i32:
      return f(std::uint32_t{});
    case DType::i64:
      return f(std::uint64_t{});
    default:
      return f(float{});
  }
}

Tiling tiling_of(const Problem& p, const Geometry& g) {
  return direct::choose_tiling(g, static_cast<int>(size_of(p.accumulator)));
}

// Whether walk_kernel computes the problem if its pointers are aligned.
bool walks(const Problem& p, const Geometry& g) {
  const DType type = p.accumulator;
  return (type == DType::f32 || type == DType::f64) && p.input == type && p.output == type &&
         p.epilogue == Epilogue{} && direct::can_walk(g, static_cast<int>(size_of(type)));
}

class DirectTask final : public Task {
 public:
  DirectTask(const Problem& p, const Device& device)
      : device_(device), accumulator_(p.accumulator) {
    arguments_.x_type = p.pass == Pass::forward ? p.input : p.output;
    arguments_.y_type = p.result_dtype();
    arguments_.w_type = p.filter;
    arguments_.geometry = direct::lower(p);
    arguments_.tiling = tiling_of(p, arguments_.geometry);
    arguments_.epilogue = epilogue_arguments(p);
    walks_ = walks(p, arguments_.geometry);
    if (walks_) walk_tiling_ = direct::walk_tiling(arguments_.geometry);
    const Geometry& g = arguments_.geometry;
    terms_ = static_cast<double>(g.group_inputs);
    for (const auto& axis : g.axis) terms_ *= static_cast<double>(axis.filter);
  }

  ErrorBound error_bound() const override {
    if (is_integer(accumulator_)) return {};
    return {ErrorBound::Kind::elementwise, sum_error(terms_, accumulator_)};
  }

  std::string policy() const override {
    if (walks_) {
      return message("strips of ", walk_tiling_.rows, 'x', direct::walk_strip,
                     ", taps in registers");
    }
    const Tiling& t = arguments_.tiling;
    return message("tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "", ", ",
                   t.threads(), " threads, ", t.chunk_rows, 'x', t.chunk_cols, " taps at a time",
                   t.dense ? ", vectors" : "");
  }

  void run(const RunArguments& run) const override {
    Arguments arguments = arguments_;
    arguments.x = Global<const unsigned char>(static_cast<const unsigned char*>(run.first));
    arguments.w = Global<const unsigned char>(static_cast<const unsigned char*>(run.second));
    arguments.y = Global<unsigned char>(static_cast<unsigned char*>(run.result));
    arguments.epilogue.bias =
        Global<const unsigned char>(static_cast<const unsigned char*>(run.bias));
    const DeviceGuard guard(device_.index);
    const auto stream = static_cast<cudaStream_t>(run.stream.handle);
    const auto aligned = [](const void* p) {
      return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
    };
    if (walks_ && aligned(run.first) && aligned(run.result)) {
      arguments.tiling = walk_tiling_;
      return accumulator_ == DType::f32 ? direct::launch_walk<float>(arguments, stream)
                                        : direct::launch_walk<double>(arguments, stream);
    }
    visit_accumulator(accumulator_, [&](auto value) {
      direct::launch_direct<decltype(value)>(arguments, stream);
    });
  }

 private:
  Device device_;
  DType accumulator_;
  Arguments arguments_;
  bool walks_ = false;
  Tiling walk_tiling_;
  double terms_ = 1;
};

class DirectEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.direct"; }

  Verdict supports(const Problem& p, const Device& device) const override {
    if (device.kind != DeviceKind::cuda) return Verdict::no("runs on CUDA devices only");
    std::string reason = direct::refusal(p);
    return reason.empty() ? Verdict::yes() : Verdict::no(std::move(reason));
  }

  double estimate_us(const Problem& p, const Device&) const override {
    const Geometry g = direct::lower(p);
    if (walks(p, g)) {
      return direct::predict_walk_us(g, direct::walk_tiling(g), p.accumulator, p.multiply_adds(),
                                     p.bytes());
    }
    return direct::predict_us(g, tiling_of(p, g), p.accumulator, p.multiply_adds(), p.bytes());
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device& device) const override {
    return std::make_unique<DirectTask>(p, device);
  }
};

}  // namespace

const Engine& direct_engine() {
  static const DirectEngine engine;
  return engine;
}

}  // namespace faltung::cuda
