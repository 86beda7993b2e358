#include "cuda/fft/fft_task.hpp"

#include <cmath>
#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/core/message.hpp"
#include "cuda/fft/fft_arguments.cuh"
#include "cuda/fft/fft_batches.hpp"
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

/// The spectra of a bound filter, section by section.
struct BoundSpectra final : PreparedFilter {
  Tensor spectra;
};

/// A batch of units with a section of channels: what arrays in the workspace were loaded for.
struct Loaded {
  std::int64_t unit = -1, group = -1, input = -1, output = -1;
  friend bool operator==(const Loaded&, const Loaded&) = default;
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
        numbers_(call.numbers),
        spectrum_(spectrum_points(g_, is_complex_block)),
        bound_(normwise_bound(p_, sizes_of(p_, g_))) {
    const DeviceGuard guard(device_.index);
    PlanSet plans = choose_batches(call.limit);
    pool_ = std::make_unique<PlanPool>(std::move(plans), [&] { return make_plans(); });
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
    const SectionCounts sections = count_sections(g_, batches_);
    const std::size_t bytes = section_bytes() * static_cast<std::size_t>(sections.all());
    bound->spectra = Tensor(DType::u8, {static_cast<std::int64_t>(bytes)}, device_);
    Tensor scratch(DType::u8, {static_cast<std::int64_t>(layout_.end)}, device_);
    const DeviceGuard guard(device_.index);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    const Run run = begin(
        {.stream = stream, .second = w, .workspace = static_cast<std::byte*>(scratch.data())});
    auto* spectra = static_cast<std::byte*>(bound->spectra.data());
    for_each_section([&](std::int64_t group, std::int64_t input, std::int64_t output) {
      load_filters(run, section_at(batches_, group, input, output),
                   spectra + section_number(group, input, output) * section_bytes());
    });
    check(cudaStreamSynchronize(queue), "wait for the spectra of a filter");
    return bound;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(device_.index);
    Run run = begin(arguments);
    if (p_.pass == Pass::backward_filter) {
      run_filter_gradient(run);
    } else {
      run_sums_of_channels(run);
    }
  }

 private:
  /// A run that has its plans, and what its arrays hold by now.
  struct Run {
    RunArguments arguments;
    PlanPool::Lease plans;
    cudaStream_t stream;
    Loaded x, y, w;
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
    const ArrayCounts arrays = count_arrays(batches_);
    return {plan(Operand::x, arrays.x), plan(Operand::y, arrays.y),
            plan(Operand::w, batches_.pairs)};
  }

  // The fastest that keep to a limit of the workspace, or the least. What cuFFT asks for is known
  // once its plans are made: it is taken to grow with what they transform.
  [[nodiscard]] PlanSet choose_batches(std::size_t limit) {
    double share = 0;  // of cuFFT, for each byte of points
    const auto points = [&](const Layout& layout) { return static_cast<double>(layout.x); };
    const auto make = [&](const Batches& b) {
      batches_ = b;
      PlanSet plans = make_plans();
      layout_ = lay_out(numbers_, g_, b, plans.work_bytes());
      share = std::max(share, static_cast<double>(plans.work_bytes()) / points(layout_));
      return plans;
    };
    PlanSet plans = make(batches(numbers_, g_));
    if (layout_.end <= limit) return plans;
    const std::vector<Batches> smaller = smaller_batches(numbers_, g_);
    for (const Batches& b : smaller) {
      const Layout bare = lay_out(numbers_, g_, b, 0);
      const double bytes = static_cast<double>(bare.end) + share * points(bare);
      if (bytes > static_cast<double>(limit) && b != smaller.back()) continue;
      plans = make(b);
      if (layout_.end <= limit) break;
    }
    return plans;
  }

  [[nodiscard]] std::size_t spectra_bytes(std::int64_t arrays) const {
    return static_cast<std::size_t>(arrays * spectrum_) * 2 * sizeof(Part);
  }
  [[nodiscard]] std::size_t section_bytes() const {
    return spectra_bytes(count_arrays(batches_).w);
  }
  [[nodiscard]] std::size_t section_number(std::int64_t group, std::int64_t input,
                                           std::int64_t output) const {
    const SectionCounts sections = count_sections(g_, batches_);
    return static_cast<std::size_t>((group * sections.inputs + input) * sections.outputs + output);
  }
  template <typename F>
  void for_each_section(const F& f) const {
    const SectionCounts sections = count_sections(g_, batches_);
    for (std::int64_t group = 0; group < sections.groups; ++group) {
      for (std::int64_t input = 0; input < sections.inputs; ++input) {
        for (std::int64_t output = 0; output < sections.outputs; ++output) f(group, input, output);
      }
    }
  }

  [[nodiscard]] Run begin(const RunArguments& arguments) const {
    const auto stream = static_cast<cudaStream_t>(arguments.stream.handle);
    Run run{arguments, pool_->take(stream, [&] { return make_plans(); }), stream, {}, {}, {}};
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

  // Forward passes and data gradients: sums over the inputs, or outputs, of a group.
  void run_sums_of_channels(Run& run) const {
    const bool forward = p_.pass == Pass::forward;
    const SectionCounts sections = count_sections(g_, batches_);
    const std::int64_t results = forward ? sections.outputs : sections.inputs;
    const std::int64_t terms = forward ? sections.inputs : sections.outputs;
    for (std::int64_t first = 0; first < g_.units(); first += batches_.units) {
      for (std::int64_t group = 0; group < sections.groups; ++group) {
        for (std::int64_t result = 0; result < results; ++result) {
          for (std::int64_t term = 0; term < terms; ++term) {
            const std::int64_t input = forward ? term : result, output = forward ? result : term;
            load_units(run, forward ? Operand::x : Operand::y, {first, group, term, term});
            const std::byte* w = filters(run, group, input, output);
            multiply(run, section_at(batches_, group, input, output), w, term != 0,
                     term + 1 == terms);
          }
          inverse(run, this->result(), section_at(batches_, group, result, result), first);
        }
      }
    }
  }

  // Sums over units, which go on from batch to batch.
  void run_filter_gradient(Run& run) const {
    for_each_section([&](std::int64_t group, std::int64_t input, std::int64_t output) {
      const Section section = section_at(batches_, group, input, output);
      for (std::int64_t first = 0; first < g_.units(); first += batches_.units) {
        load_units(run, Operand::x, {first, group, input, input});
        load_units(run, Operand::y, {first, group, output, output});
        multiply(run, section, run.arguments.workspace + layout_.x, first != 0,
                 first + batches_.units >= g_.units());
      }
      clear_padding(run);
      for (std::int64_t pair = 0; pair < count_arrays(batches_).w; pair += batches_.pairs) {
        inverse(run, Operand::w, section, pair);
      }
    });
  }

  // Spectra past the last filter of a section, which are transformed but not stored.
  void clear_padding(const Run& run) const {
    const std::int64_t filters = batches_.groups * batches_.inputs * batches_.outputs;
    const std::size_t bytes = spectra_bytes(count_arrays(batches_).w - filters);
    if (bytes == 0) return;
    std::byte* padding = run.arguments.workspace + layout_.w + spectra_bytes(filters);
    check(cudaMemsetAsync(padding, 0, bytes, run.stream), "clear ", bytes, " bytes of spectra");
  }

  // The spectra of one batch of an operand, in `spectra`.
  void transform(const Run& run, Operand operand, const Section& section, const void* data,
                 std::int64_t first, std::byte* spectra) const {
    std::byte* points = run.arguments.workspace + layout_.points;
    MoveArguments a = moved();
    a.section = section;
    a.from = readable(data);
    a.to = writable(points);
    a.type = operand == Operand::x ? p_.input : operand == Operand::w ? p_.filter : p_.output;
    a.first = first;
    a.count = operand == Operand::w ? batches_.pairs : batches_.units;
    launch_load<T>(operand, a, run.stream);
    plan(run, operand).run(points, spectra, Direction::forward);
  }

  // Of x or y, unless they are there from the step before.
  void load_units(Run& run, Operand operand, const Loaded& wanted) const {
    Loaded& there = operand == Operand::x ? run.x : run.y;
    if (there == wanted) return;
    there = wanted;
    const bool is_second = operand == Operand::y && p_.pass == Pass::backward_filter;
    transform(run, operand, section_at(batches_, wanted.group, wanted.input, wanted.output),
              is_second ? run.arguments.second : run.arguments.first, wanted.unit,
              run.arguments.workspace + spectra_of(operand));
  }

  void load_filters(const Run& run, const Section& section, std::byte* spectra) const {
    for (std::int64_t first = 0; first < count_arrays(batches_).w; first += batches_.pairs) {
      transform(run, Operand::w, section, run.arguments.second, first,
                spectra + spectra_bytes(first));
    }
  }

  // The spectra of a section's filters: those that are bound, or from the step before, or loaded.
  const std::byte* filters(Run& run, std::int64_t group, std::int64_t input,
                           std::int64_t output) const {
    if (run.arguments.prepared != nullptr) {
      const auto* bound = static_cast<const BoundSpectra*>(run.arguments.prepared);
      return static_cast<const std::byte*>(bound->spectra.data()) +
             section_number(group, input, output) * section_bytes();
    }
    std::byte* spectra = run.arguments.workspace + layout_.w;
    const Loaded wanted{0, group, input, output};
    if (run.w != wanted) load_filters(run, section_at(batches_, group, input, output), spectra);
    run.w = wanted;
    return spectra;
  }

  // Of one batch of units; see ProductArguments.
  void multiply(const Run& run, const Section& section, const std::byte* b_spectra, bool add,
                bool last) const {
    const std::int64_t in = section.inputs, out = section.outputs;
    const std::int64_t inputs = section.groups * in, outputs = section.groups * out;
    const auto spectra = [&](Operand operand) {
      return run.arguments.workspace + spectra_of(operand);
    };
    ProductArguments a;
    a.a = readable(spectra(p_.pass == Pass::forward ? Operand::x : Operand::y));
    a.b = readable(b_spectra);
    a.sum = writable(spectra(result()));
    a.points = spectrum_;
    a.add = add;
    a.scale = last ? 1 / static_cast<double>(g_.points) : 1;
    a.conjugate_b = p_.pass != Pass::forward;
    a.groups = section.groups;
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
  void inverse(const Run& run, Operand operand, const Section& section, std::int64_t first) const {
    const RunArguments& arguments = run.arguments;
    std::byte* spectra = arguments.workspace + spectra_of(operand);
    if (operand == Operand::w) spectra += spectra_bytes(first);
    std::byte* points = arguments.workspace + layout_.points;
    plan(run, operand).run(spectra, points, Direction::inverse);
    MoveArguments a = moved();
    a.section = section;
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
  Numbers numbers_;
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
