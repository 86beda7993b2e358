#include "cuda/fft/fft_task.hpp"

#include <cmath>

#include <faltung/tensor.hpp>

#include "cpp/core/message.hpp"
#include "cuda/fft/fft_arguments.cuh"
#include "cuda/fft/plan_pool.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda::fft {
namespace {

using cufft::Direction;
using cufft::Kind;

Global<const unsigned char> readable(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}
Global<unsigned char> writable(void* data) {
  return Global<unsigned char>(static_cast<unsigned char*>(data));
}

/// Where the arrays of a run lie in its workspace.
struct Layout {
  std::size_t points = 0, x = 0, y = 0, w = 0, work = 0, end = 0;  ///< offsets
};

/// The spectra of a bound filter.
struct BoundSpectra final : PreparedFilter {
  Tensor spectra;
};

/// @tparam T  what blocks are made of: float, double, or complex numbers of these
template <typename T>
class FftTask final : public Task {
  static constexpr bool is_complex_block = is_complex_value<T>;
  static auto part_of() {
    if constexpr (is_complex_block) {
      return typename T::Part{};
    } else {
      return T{};
    }
  }
  using Part = decltype(part_of());

 public:
  explicit FftTask(const Call& call)
      : p_(call.problem),
        g_(call.geometry),
        device_(call.device),
        batches_(batches(call.numbers, g_)),
        spectrum_(spectrum_points(g_, is_complex_block)),
        bound_(normwise_bound(p_, sizes_of(p_, g_))) {
    const DeviceGuard guard(device_.index);
    for (;; batches_ = halved(batches_, call.numbers, g_)) {
      if (workspace_at_least() > call.limit && !is_least(batches_, call.numbers, g_)) continue;
      pool_ = std::make_unique<PlanPool>([&] { return make_plans(); });
      set_layout(pool_->work_bytes());
      if (layout_.end <= call.limit || is_least(batches_, call.numbers, g_)) break;
    }
    const LaunchQueue queue = LaunchQueue::load_only();
    for (const Operand operand : {Operand::x, Operand::w, Operand::y}) {
      if (operand == result()) {
        launch_store<T>(operand, moved(), p_.accumulator, queue);
      } else {
        launch_load<T>(operand, moved(), queue);
      }
    }
    for (const std::int64_t columns : {1, product_columns}) {
      ProductArguments product;
      product.columns = columns;
      launch_product<Part>(product, queue);
    }
  }

  ~FftTask() override {
    const QuietDeviceGuard guard(device_.index);
    pool_.reset();
  }
  FftTask(const FftTask&) = delete;
  FftTask& operator=(const FftTask&) = delete;

  std::size_t workspace_bytes() const override { return layout_.end; }
  ErrorBound error_bound() const override { return bound_; }

  std::string policy() const override {
    const cufft::Shape shape = shape_of(g_, 1);
    std::string lengths;
    for (int a = 0; a < shape.rank; ++a) lengths += message(a == 0 ? "" : "x", shape.n[a]);
    return message("transforms of ", lengths, is_complex_block ? " complex" : " real", ", ",
                   g_.blocks, " for each channel of an image, ", batches_.units, " at once");
  }

  PlanFacts facts() const override {
    PlanFacts facts;
    facts.spreads_non_finite = !is_integer(p_.accumulator);  // over a transform
    facts.memory_passes = 5;  // loaded, transformed, multiplied, transformed, stored
    return facts;
  }

  std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                 const void* w) const override {
    auto bound = std::make_unique<BoundSpectra>();
    const auto bytes = static_cast<std::int64_t>(layout_.work - layout_.w);
    bound->spectra = Tensor(DType::u8, {bytes}, device_);
    Tensor scratch(DType::u8, {static_cast<std::int64_t>(layout_.end)}, device_);
    const DeviceGuard guard(device_.index);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    const Run run = begin(
        {.stream = stream, .second = w, .workspace = static_cast<std::byte*>(scratch.data())});
    load_filters(run, w, static_cast<std::byte*>(bound->spectra.data()));
    check(cudaStreamSynchronize(queue), "wait for the spectra of a filter");
    return bound;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(device_.index);
    const Run run = begin(arguments);
    const std::byte* w = arguments.workspace + layout_.w;
    if (p_.pass != Pass::backward_filter) {
      if (arguments.prepared != nullptr) {
        const auto* bound = static_cast<const BoundSpectra*>(arguments.prepared);
        w = static_cast<const std::byte*>(bound->spectra.data());
      } else {
        load_filters(run, arguments.second, arguments.workspace + layout_.w);
      }
    }
    for (std::int64_t first = 0; first < g_.units(); first += batches_.units) {
      if (p_.pass == Pass::forward) {
        load(run, Operand::x, arguments.first, first);
        multiply(run, layout_.x, w, layout_.y, first);
        inverse(run, Operand::y, first);
      } else if (p_.pass == Pass::backward_data) {
        load(run, Operand::y, arguments.first, first);
        multiply(run, layout_.y, w, layout_.x, first);
        inverse(run, Operand::x, first);
      } else {
        load(run, Operand::x, arguments.first, first);
        load(run, Operand::y, arguments.second, first);
        multiply(run, layout_.y, arguments.workspace + layout_.x, layout_.w, first);
      }
    }
    if (p_.pass != Pass::backward_filter) return;
    for (std::int64_t first = 0; first < g_.pairs(); first += batches_.pairs) {
      inverse(run, Operand::w, first);
    }
  }

 private:
  /// A run that has its plans.
  struct Run {
    const RunArguments& arguments;
    PlanPool::Lease plans;
    cudaStream_t stream;
  };

  [[nodiscard]] Operand result() const {
    return p_.pass == Pass::forward         ? Operand::y
           : p_.pass == Pass::backward_data ? Operand::x
                                            : Operand::w;
  }

  [[nodiscard]] PlanSet make_plans() const {
    const auto plan = [&](Operand operand, std::int64_t batch) {
      const Kind kind = is_complex_block      ? Kind::complex_to_complex
                        : operand == result() ? Kind::complex_to_real
                                              : Kind::real_to_complex;
      return cufft::Plan(shape_of(g_, batch), kind, sizeof(Part) == 8);
    };
    return {plan(Operand::x, batches_.units * g_.inputs()),
            plan(Operand::y, batches_.units * g_.outputs()), plan(Operand::w, batches_.pairs)};
  }

  // Without what cuFFT takes.
  [[nodiscard]] std::size_t workspace_at_least() {
    set_layout(0);
    return layout_.end;
  }

  // Filters are transformed in whole batches, of which the last may hold arrays of zeros.
  void set_layout(std::size_t work_bytes) {
    std::size_t end = 0;
    const auto place = [&](std::int64_t count, std::size_t size) {
      const std::size_t begin = end;
      end += (static_cast<std::size_t>(count) * size + 255) / 256 * 256;
      return begin;
    };
    const std::int64_t all = (g_.pairs() + batches_.pairs - 1) / batches_.pairs * batches_.pairs;
    const std::int64_t arrays =
        std::max(batches_.units * std::max(g_.inputs(), g_.outputs()), batches_.pairs);
    layout_.points = place(arrays * g_.points, sizeof(T));
    layout_.x = place(batches_.units * g_.inputs() * spectrum_, 2 * sizeof(Part));
    layout_.y = place(batches_.units * g_.outputs() * spectrum_, 2 * sizeof(Part));
    layout_.w = place(all * spectrum_, 2 * sizeof(Part));
    layout_.work = place(static_cast<std::int64_t>(work_bytes), 1);
    layout_.end = end;
  }

  [[nodiscard]] Run begin(const RunArguments& arguments) const {
    const auto stream = static_cast<cudaStream_t>(arguments.stream.handle);
    Run run{arguments, pool_->take(stream, [&] { return make_plans(); }), stream};
    for (const cufft::Plan* plan : {&run.plans->x, &run.plans->y, &run.plans->w}) {
      plan->set(stream, arguments.workspace + layout_.work);
    }
    return run;
  }

  [[nodiscard]] const cufft::Plan& plan(const Run& run, Operand operand) const {
    return operand == Operand::x   ? run.plans->x
           : operand == Operand::y ? run.plans->y
                                   : run.plans->w;
  }
  [[nodiscard]] std::size_t spectra_of(Operand operand) const {
    return operand == Operand::x ? layout_.x : operand == Operand::y ? layout_.y : layout_.w;
  }

  [[nodiscard]] MoveArguments moved() const {
    MoveArguments a;
    a.geometry = g_;
    return a;
  }

  // The spectra of one batch of an operand, in `spectra`.
  void transform(const Run& run, Operand operand, const void* data, std::int64_t first,
                 std::byte* spectra) const {
    std::byte* points = run.arguments.workspace + layout_.points;
    MoveArguments a = moved();
    a.from = readable(data);
    a.to = writable(points);
    a.type = operand == Operand::x ? p_.input : operand == Operand::w ? p_.filter : p_.output;
    a.first = first;
    a.count = operand == Operand::w ? batches_.pairs : batches_.units;
    launch_load<T>(operand, a, run.stream);
    plan(run, operand).run(points, spectra, Direction::forward);
  }

  void load(const Run& run, Operand operand, const void* data, std::int64_t first) const {
    transform(run, operand, data, first, run.arguments.workspace + spectra_of(operand));
  }

  void load_filters(const Run& run, const void* w, std::byte* spectra) const {
    const std::size_t bytes = static_cast<std::size_t>(spectrum_) * 2 * sizeof(Part);
    for (std::int64_t first = 0; first < g_.pairs(); first += batches_.pairs) {
      transform(run, Operand::w, w, first, spectra + static_cast<std::size_t>(first) * bytes);
    }
  }

  // Of one batch of units; see ProductArguments.
  void multiply(const Run& run, std::size_t a_spectra, const std::byte* b_spectra, std::size_t sums,
                std::int64_t first) const {
    const std::int64_t inputs = g_.inputs(), outputs = g_.outputs();
    const std::int64_t in = g_.group_inputs, out = g_.group_outputs;
    ProductArguments a;
    a.a = readable(run.arguments.workspace + a_spectra);
    a.b = readable(b_spectra);
    a.sum = writable(run.arguments.workspace + sums);
    a.points = spectrum_;
    // Sums over units go on from batch to batch, so that their bits do not depend on it.
    const bool sum_of_units = p_.pass == Pass::backward_filter;
    a.add = sum_of_units && first != 0;
    const bool last = !sum_of_units || first + batches_.units >= g_.units();
    a.scale = last ? 1 / static_cast<double>(g_.points) : 1;
    a.conjugate_b = p_.pass != Pass::forward;
    a.groups = g_.groups;
    a.rows = batches_.units;
    if (p_.pass == Pass::forward) {  // y[unit, k] = sum over c
      a.columns = out;
      a.terms = in;
      a.a_at = {in, inputs, 1};
      a.b_at = {out * in, in, 1};
      a.sum_at = {out, outputs, 1};
    } else if (p_.pass == Pass::backward_data) {  // x[unit, c] = sum over k
      a.columns = in;
      a.terms = out;
      a.a_at = {out, outputs, 1};
      a.b_at = {out * in, 1, in};
      a.sum_at = {in, inputs, 1};
    } else {  // w[k, c] = sum over units
      a.rows = out;
      a.columns = in;
      a.terms = batches_.units;
      a.a_at = {out, 1, outputs};
      a.b_at = {in, 1, inputs};
      a.sum_at = {out * in, in, 1};
    }
    launch_product<Part>(a, run.stream);
  }

  // One batch of a result, from its spectra, which the transform may destroy.
  void inverse(const Run& run, Operand operand, std::int64_t first) const {
    const RunArguments& arguments = run.arguments;
    std::size_t spectra = spectra_of(operand);
    if (operand == Operand::w) {
      spectra += static_cast<std::size_t>(first * spectrum_) * 2 * sizeof(Part);
    }
    std::byte* points = arguments.workspace + layout_.points;
    plan(run, operand).run(arguments.workspace + spectra, points, Direction::inverse);
    MoveArguments a = moved();
    a.from = readable(points);
    a.to = writable(arguments.result);
    a.type = p_.result_dtype();
    a.first = first;
    a.count = operand == Operand::w ? batches_.pairs : batches_.units;
    a.epilogue = epilogue_arguments(p_);
    a.epilogue.bias = readable(arguments.bias);
    launch_store<T>(operand, a, p_.accumulator, run.stream);
  }

  Problem p_;
  Geometry g_;
  Device device_;
  Batches batches_;
  std::int64_t spectrum_;
  ErrorBound bound_;
  std::unique_ptr<PlanPool> pool_;
  Layout layout_;
};

}  // namespace

std::unique_ptr<Task> make_task(const Call& call) {
  if (call.numbers.complex) {
    if (call.numbers.wide) return std::make_unique<FftTask<Complex<double>>>(call);
    return std::make_unique<FftTask<Complex<float>>>(call);
  }
  if (call.numbers.wide) return std::make_unique<FftTask<double>>(call);
  return std::make_unique<FftTask<float>>(call);
}

}  // namespace faltung::cuda::fft
