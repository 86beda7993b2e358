#include "cuda/fft/fft_task.hpp"

#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cuda/fft/fft_run.cuh"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda::fft {
namespace {

/// What a plan keeps of a filter, as BoundFilter has it.
struct KeptFilter final : PreparedFilter {
  Tensor spectra, marks, elements;
  const void* w = nullptr;  ///< among the elements

  [[nodiscard]] BoundFilter view() const {
    return {static_cast<const std::byte*>(spectra.data()), w,
            static_cast<unsigned*>(const_cast<void*>(marks.data()))};
  }
};

/// @tparam T  what blocks are made of: float, double, or complex numbers of these
template <typename T>
class FftTask final : public Task {
 public:
  explicit FftTask(const Call& call)
      : s_{call.problem, call.numbers, call.geometry, {}, {}},
        device_(call.device),
        bound_(normwise_bound(call.problem, sizes_of(call.problem, call.geometry))) {
    const DeviceGuard guard(device_.index);
    PlanSet plans = choose_batches(call.limit);
    pool_ = std::make_unique<PlanPool>(std::move(plans), [&] { return make_plans(); });
    load_kernels();
  }

  ~FftTask() override {
    const QuietDeviceGuard guard(device_.index);
    pool_.reset();
  }
  FftTask(const FftTask&) = delete;
  FftTask& operator=(const FftTask&) = delete;

  std::size_t workspace_bytes() const override { return s_.layout.end; }
  ErrorBound error_bound() const override { return bound_; }

  std::string policy() const override {
    const cufft::Shape shape = shape_of(s_.geometry, 1);
    const faltung::fft::Digits& digits = s_.numbers.digits;
    std::string lengths;
    for (int a = 0; a < shape.rank; ++a) lengths += message(a == 0 ? "" : "x", shape.n[a]);
    return message("transforms of ", lengths, is_complex_value<T> ? " complex" : " real", ", ",
                   s_.geometry.blocks, " for each channel of an image, ", s_.batches.units,
                   " at once",
                   digits.is_whole() ? ""
                                     : message(", of ", digits.first, " by ", digits.second,
                                               " digits of ", digits.bits, " bits"));
  }

  PlanFacts facts() const override {
    PlanFacts facts;
    facts.memory_passes = 5;  // loaded, transformed, multiplied, transformed, stored
    return facts;
  }

  std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                 const void* w) const override {
    auto kept = std::make_unique<KeptFilter>();
    const SectionCounts sections = count_sections(s_.geometry, s_.batches);
    const auto bytes_of = [&](std::size_t bytes) {
      return Tensor(DType::u8, {static_cast<std::int64_t>(bytes)}, device_);
    };
    kept->spectra = bytes_of(s_.section_bytes() * static_cast<std::size_t>(sections.all()));
    Tensor scratch = bytes_of(s_.layout.end);
    const DeviceGuard guard(device_.index);
    if (!s_.numbers.integers) {
      kept->marks = bytes_of(s_.bound_mark_words() * mark_bytes);
      keep_elements(stream, w, *kept);
    }
    const RunArguments arguments{
        .stream = stream, .second = w, .workspace = static_cast<std::byte*>(scratch.data())};
    const PlanPool::Lease plans = take_plans(stream);
    FftRun<T>(s_, arguments, *plans, {})
        .bind(static_cast<std::byte*>(kept->spectra.data()),
              static_cast<unsigned*>(kept->marks.data()));
    check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream.handle)),
          "wait for the spectra of a filter");
    return kept;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(device_.index);
    const auto* kept = static_cast<const KeptFilter*>(arguments.prepared);
    const PlanPool::Lease plans = take_plans(arguments.stream);
    FftRun<T>(s_, arguments, *plans, kept == nullptr ? BoundFilter{} : kept->view()).run();
  }

 private:
  // NaN and infinity are met tap by tap.
  void keep_elements(const Stream& stream, const void* w, KeptFilter& kept) const {
    const Problem& p = s_.problem;
    const Shape shape = p.w_shape();
    const ByteSpan span = byte_span(
        {w, p.filter, shape, p.w_strides.empty() ? compact_strides(shape) : p.w_strides, device_});
    const auto* from = static_cast<const std::byte*>(w);
    kept.elements = Tensor(DType::u8, {span.end - span.begin}, device_);
    auto* to = static_cast<std::byte*>(kept.elements.data());
    check(cudaMemcpyAsync(to, span.begin, static_cast<std::size_t>(span.end - span.begin),
                          cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(stream.handle)),
          "copy a filter that is bound");
    kept.w = to + (from - span.begin);
  }

  [[nodiscard]] PlanPool::Lease take_plans(const Stream& stream) const {
    return pool_->take(static_cast<cudaStream_t>(stream.handle), [&] { return make_plans(); });
  }

  [[nodiscard]] PlanSet make_plans() const {
    const auto plan = [&](Operand operand, std::int64_t batch) {
      const cufft::Kind kind = is_complex_value<T>      ? cufft::Kind::complex_to_complex
                               : operand == s_.result() ? cufft::Kind::complex_to_real
                                                        : cufft::Kind::real_to_complex;
      return cufft::Plan(shape_of(s_.geometry, batch), kind, s_.numbers.wide);
    };
    return {plan(Operand::x, s_.arrays(Operand::x)), plan(Operand::y, s_.arrays(Operand::y)),
            plan(Operand::w, s_.batches.pairs)};
  }

  // The fastest that keep to a limit of the workspace, or the least. What cuFFT asks for is known
  // once its plans are made: it is taken to grow with what they transform.
  [[nodiscard]] PlanSet choose_batches(std::size_t limit) {
    double share = 0;  // of cuFFT, for each byte of points
    const auto points = [](const Layout& layout) { return static_cast<double>(layout.x); };
    const auto make = [&](const Batches& b) {
      s_.batches = b;
      PlanSet plans = make_plans();
      s_.layout = lay_out(s_.numbers, s_.geometry, b, plans.work_bytes());
      share = std::max(share, static_cast<double>(plans.work_bytes()) / points(s_.layout));
      return plans;
    };
    PlanSet plans = make(batches(s_.numbers, s_.geometry));
    if (s_.layout.end <= limit) return plans;
    const std::vector<Batches> smaller = smaller_batches(s_.numbers, s_.geometry);
    for (const Batches& b : smaller) {
      const Layout bare = lay_out(s_.numbers, s_.geometry, b, 0);
      const double bytes = static_cast<double>(bare.end) + share * points(bare);
      if (bytes > static_cast<double>(limit) && b != smaller.back()) continue;
      plans = make(b);
      if (s_.layout.end <= limit) break;
    }
    return plans;
  }

  // As far as a run may need them, so that it may be captured.
  void load_kernels() const {
    const LaunchQueue queue = LaunchQueue::load_only();
    MoveArguments move;
    move.geometry = s_.geometry;
    move.integers = is_integer(s_.problem.accumulator);
    for (const Operand operand : {Operand::x, Operand::w, Operand::y}) {
      if (operand == s_.result()) {
        launch_store<T>(operand, move, s_.problem.accumulator, queue);
      } else {
        launch_load<T>(operand, move, queue);
      }
    }
    if (!s_.numbers.integers) {
      NonFiniteArguments non_finite;
      non_finite.move = move;
      launch_non_finite<T>(s_.problem.pass, non_finite, queue);
    }
    for (const std::int64_t columns : {1, product_columns}) {
      ProductArguments product;
      product.columns = columns;
      if constexpr (is_complex_value<T>) {
        launch_product<typename T::Part>(product, queue);
      } else {
        launch_product<T>(product, queue);
      }
    }
  }

  Scheme s_;
  Device device_;
  ErrorBound bound_;
  std::unique_ptr<PlanPool> pool_;
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
