#include "cuda/fft/fft_task.hpp"

#include <new>
#include <string>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>

#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cuda/fft/fft_callbacks.hpp"
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
      : s_{call.problem, call.numbers, call.geometry, call.fused, {}, {}},
        device_(call.device),
        bound_(normwise_bound(call.problem, sizes_of(call.problem, call.geometry))),
        plain_because_(call.plain_because) {
    const DeviceGuard guard(device_.index);
    make_pool(call.limit);
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
                                               " digits of ", digits.bits, " bits"),
                   loads());
  }

  PlanFacts facts() const override {
    PlanFacts facts;
    // Loaded, transformed, multiplied, transformed, stored.
    facts.memory_passes = s_.fused.x || s_.fused.y ? 4 : 5;
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
  // How blocks are loaded, where that is not by kernels of ours without further reason.
  [[nodiscard]] std::string loads() const {
    if (!plain_because_.empty()) return message(", loaded without callbacks: ", plain_because_);
    std::string names;
    for (const auto& [name, fused] :
         {std::pair("x", s_.fused.x), std::pair("dy", s_.fused.y), std::pair("w", s_.fused.w)}) {
      if (fused) names += message(names.empty() ? "" : " and ", name);
    }
    return names.empty() ? "" : message(", ", names, " loaded by callbacks of cuFFT");
  }

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
      const cufft::Shape shape = shape_of(s_.geometry, batch);
      if (!s_.fused.has(operand)) return cufft::Plan(shape, kind, s_.numbers.wide);
      const cufft::Callback load = load_callback(s_.numbers, s_.geometry, s_.type_of(operand));
      return cufft::Plan(shape, kind, s_.numbers.wide, &load);
    };
    return {plan(Operand::x, s_.arrays(Operand::x)), plan(Operand::y, s_.arrays(Operand::y)),
            plan(Operand::w, s_.batches.pairs)};
  }

  // Whatever fails in plans with callbacks, those without may be made.
  void make_pool(std::size_t limit) {
    const auto make = [&] {
      PlanSet plans = choose_batches(limit);
      pool_ = std::make_unique<PlanPool>(std::move(plans), [&] { return make_plans(); });
    };
    if (s_.fused.any()) {
      try {
        return make();
      } catch (const DeviceError& error) {
        plain_because_ = error.what();
      } catch (const std::bad_alloc&) {
        plain_because_ = "there is no memory for plans that have them";
      }
      s_.fused = {};
    }
    make();
  }

  // The fastest that keep to a limit of the workspace, or the least. What cuFFT asks for is known
  // once its plans are made: it is taken to grow with what they transform.
  [[nodiscard]] PlanSet choose_batches(std::size_t limit) {
    double share = 0;  // of cuFFT, for each byte of points
    const auto points = [](const Layout& layout) { return static_cast<double>(layout.x); };
    const auto make = [&](const Batches& b) {
      s_.batches = b;
      PlanSet plans = make_plans();
      s_.layout = lay_out(s_.numbers, s_.geometry, b, plans.work_bytes(), s_.fused);
      share = std::max(share, static_cast<double>(plans.work_bytes()) / points(s_.layout));
      return plans;
    };
    PlanSet plans = make(batches(s_.numbers, s_.geometry));
    if (s_.layout.end <= limit) return plans;
    const std::vector<Batches> smaller = smaller_batches(s_.numbers, s_.geometry);
    for (const Batches& b : smaller) {
      const Layout bare = lay_out(s_.numbers, s_.geometry, b, 0, s_.fused);
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
      } else if (s_.fused.has(operand)) {
        launch_describe(operand, move, queue);
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
  std::string plain_because_;  ///< empty if callbacks are there, or not wanted
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
