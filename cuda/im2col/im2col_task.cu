#include "cuda/im2col/im2col_task.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <faltung/error.hpp>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/im2col/im2col_arguments.cuh"
#include "cuda/im2col/im2col_layout.hpp"
#include "cuda/im2col/im2col_lowering.hpp"
#include "cuda/im2col/products.hpp"
#include "cuda/primitives/alignment.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda::im2col {
namespace {

Global<const unsigned char> readable(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}
Global<unsigned char> writable(void* data) {
  return Global<unsigned char>(static_cast<unsigned char*>(data));
}

/// A bound filter, packed as products take it.
struct BoundMatrix final : PreparedFilter {
  Tensor packed;
};

// Of a task's matrix in elements that kernels count, which may be complex.
Matrices matrices_of(const Side& side, DType type) {
  return {side.leading / parts_of(type), side.group / parts_of(type)};
}

class Im2colTask final : public Task {
 public:
  explicit Im2colTask(const Call& call)
      : call_(call),
        gradient_(call.problem.pass == Pass::backward_filter),
        dy_(gradient_columns(call.geometry)),
        layout_(lay_out(call)) {
    const DeviceGuard guard(call.device.index);
    make_products();
    place();
    load();
  }

  /// Whether the library has all products.
  [[nodiscard]] bool offered() const {
    return std::ranges::all_of(products_, [](const ChunkProducts& p) { return p.offered(); });
  }

  std::size_t workspace_bytes() const override { return layout_.bytes + product_bytes_; }

  ErrorBound error_bound() const override {
    const Problem& p = call_.problem;
    if (is_integer(p.accumulator)) return {};
    const double error = product_error(static_cast<double>(terms()));
    if (!call_.gathers) return {ErrorBound::Kind::elementwise, error};
    const auto taps = static_cast<double>(call_.forward.taps());
    return {ErrorBound::Kind::elementwise, error + sum_error(taps, p.accumulator)};
  }

  std::string policy() const override {
    const Cut& cut = call_.cut;
    return message(chunk_count(call_.geometry, cut), " products of ", cut.images * cut.outputs,
                   " columns x ", layout_.operands.depth, " rows",
                   call_.gathers ? ", gathered" : "", cut.x_in_place ? ", x in place" : "",
                   cut.y_in_place ? ", y in place" : "", cut.adds_bias ? ", bias by cuBLASLt" : "");
  }

  PlanFacts facts() const override {
    PlanFacts facts;
    facts.spreads_non_finite = has_zeros(call_.geometry);  // never where products are gathered
    // Tensors that are less aligned get another algorithm, which may add in another order.
    facts.bitwise_reproducible = variants_ == 1;
    if (!call_.cut.x_in_place || !call_.cut.y_in_place) facts.memory_passes = 2;
    return facts;
  }

  // Null where the filter is multiplied as it lies.
  std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                 const void* w) const override {
    if (gradient_ || call_.cut.w_in_place) return nullptr;
    auto bound = std::make_unique<BoundMatrix>();
    bound->packed =
        Tensor(DType::u8, {static_cast<std::int64_t>(layout_.bytes - layout_.w)}, call_.device);
    const DeviceGuard guard(call_.device.index);
    const auto queue = static_cast<cudaStream_t>(stream.handle);
    pack_filter(w, static_cast<std::byte*>(bound->packed.data()), queue);
    check(cudaStreamSynchronize(queue), "wait for a packed filter");
    return bound;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(call_.device.index);
    run_all(arguments, static_cast<cudaStream_t>(arguments.stream.handle));
  }

 private:
  // Products in a sum.
  [[nodiscard]] std::int64_t terms() const {
    const Geometry& g = call_.geometry;
    return gradient_ ? g.images() * g.outputs() : g.depth();
  }
  // Of a sum of so many products.
  [[nodiscard]] double product_error(double terms) const {
    if (is_complex(call_.factors)) {
      // Each part sums twice as many real products, whose magnitudes add up to that of the complex
      // ones at most.
      const DType real = call_.factors == DType::c64 ? DType::f32 : DType::f64;
      return std::sqrt(2.0) * sum_error(2 * terms, real);
    }
    double error = sum_error(terms, call_.problem.accumulator);
    const bool tf32 = cuts_factors(call_.problem, call_.factors);
    if (tf32 || call_.factors == DType::f16 || call_.factors == DType::bf16) {
      // Matrix instructions add at least 8 products (4 of tf32) to a sum and cut it off: two units
      // of the last place each. The sums of up to 32 parts of a long product are added in f32.
      error = std::max(error, (std::ceil(terms / (tf32 ? 4 : 8)) + 32) * 0x1p-23);
    }
    // Both factors lose what is beyond 10 bits of mantissa: 2^-10 of each, and the product of that.
    if (tf32) error += 0x1p-9 + 0x1p-20;
    return error;
  }

  // Of full chunks and of the last one; each for tensors that begin at multiples of 16 bytes, and
  // for others.
  void make_products() {
    const Geometry& g = call_.geometry;
    const Cut& cut = call_.cut;
    full_ = {.images = cut.images, .outputs = cut.outputs};
    last_ = full_;
    if (cut.outputs < g.outputs()) {
      last_.outputs = (g.outputs() - 1) % cut.outputs + 1;
    } else {
      last_.images = (g.images() - 1) % cut.images + 1;
    }
    two_sizes_ = last_.positions() != full_.positions();
    const bool in_place = cut.x_in_place || cut.y_in_place || cut.w_in_place;
    variants_ = in_place ? 2 : 1;
    for (int variant = 0; variant < variants_; ++variant) {
      products_.emplace_back(call_, layout_.operands, full_, variant == 0);
      if (two_sizes_) products_.emplace_back(call_, layout_.operands, last_, variant == 0);
    }
  }

  void place() {
    for (const ChunkProducts& product : products_) {
      product_bytes_ = std::max(product_bytes_, product.workspace_bytes());
    }
  }

  void load() {
    RunArguments nothing;
    const LaunchQueue queue = LaunchQueue::load_only();
    pack_filter(nullptr, nullptr, queue);
    for (const bool aligned : {false, true}) {
      pack_columns(call_.geometry, nothing.first, x_type(), shifts_.x, nullptr,
                   layout_.operands.x.side, layout_.operands.depth, full_, aligned, queue);
    }
    store(nothing, full_, queue);
  }

  [[nodiscard]] DType x_type() const {
    return call_.problem.pass == Pass::backward_data ? call_.problem.output : call_.problem.input;
  }

  template <typename F>
  void visit_factors(F&& f) const {
    if (call_.factors == DType::i8) return f(std::int8_t{});
    visit_type<float, double, Half, BFloat16, Complex<float>, Complex<double>>(call_.factors, f);
  }

  void pack_filter(const void* w, std::byte* to, LaunchQueue queue) const {
    FilterArguments a;
    a.geometry = call_.gathers ? call_.forward : call_.geometry;
    a.w = readable(w);
    a.w_type = call_.problem.filter;
    a.packed = writable(to);
    const Operands& o = layout_.operands;
    a.outputs = call_.gathers ? o.depth : o.outputs;
    a.depth = (call_.gathers ? o.outputs : o.depth) / parts_of(call_.factors);
    a.shift = shifts_.other;
    visit_factors([&](auto zero) { launch_filter<decltype(zero)>(a, queue); });
  }

  // Whether channels of x are copied 16 bytes at a time, if x begins at a multiple of that.
  [[nodiscard]] bool has_vectors(const Geometry& g, DType type) const {
    const bool as_it_is = type == call_.factors || call_.factors == DType::i8;  // bytes are bytes
    if (!g.rows_fastest || !g.channel_fastest || !as_it_is || is_complex(type)) return false;
    const auto vector = 16 / static_cast<std::int64_t>(size_of(type));
    std::int64_t all = g.group_inputs;
    for (const AxisGeometry& axis : g.axis) all |= axis.x_stride;
    for (int i = 0; i < g.outer_count; ++i) all |= g.outer[i].x_stride;
    return g.x_channel == 1 && all % vector == 0;
  }

  void pack_columns(const Geometry& g, const void* x, DType type, std::int32_t shift, std::byte* to,
                    const Side& side, std::int64_t depth, const Chunk& chunk, bool aligned,
                    LaunchQueue queue) const {
    ColumnsArguments a;
    a.geometry = g;
    a.chunk = chunk;
    a.x = readable(x);
    a.x_type = type;
    a.columns = writable(to);
    a.matrices = matrices_of(side, call_.factors);
    a.depth = depth / parts_of(call_.factors);
    a.positions = gradient_ && call_.factors == DType::i8
                      ? padded_positions(chunk.positions())
                      : chunk.positions() + columns_of_ones(call_.problem);
    a.shift = shift;
    a.ones = shift != 0;
    const bool vectors = aligned && has_vectors(g, type);
    visit_factors([&](auto zero) { launch_columns<decltype(zero)>(a, vectors, queue); });
  }

  void store(const RunArguments& arguments, const Chunk& chunk, LaunchQueue queue) const {
    StoreArguments a;
    a.geometry = call_.gathers ? call_.forward : call_.geometry;
    a.chunk = chunk;
    const Side& side = gradient_ ? layout_.operands.w.side : layout_.operands.y.side;
    a.sums = readable(arguments.workspace + (gradient_ ? layout_.w : layout_.y));
    a.matrices = matrices_of(side, call_.factors);
    a.x_shift = static_cast<std::uint32_t>(shifts_.x);
    a.other_shift = static_cast<std::uint32_t>(shifts_.other);
    a.shifts = a.x_shift * a.other_shift * static_cast<std::uint32_t>(terms());
    a.result = writable(arguments.result);
    a.type = call_.problem.result_dtype();
    a.epilogue = epilogue_arguments(call_.problem);
    a.epilogue.bias = readable(arguments.bias);
    if (call_.gathers) {
      return visit_type<float, double>(call_.problem.accumulator,
                                       [&](auto zero) { launch_gather<decltype(zero)>(a, queue); });
    }
    visit_type<float, double, std::uint32_t, Complex<float>, Complex<double>>(
        call_.problem.accumulator, [&](auto zero) {
          using Acc = decltype(zero);
          gradient_ ? launch_store_filter<Acc>(a, queue) : launch_store<Acc>(a, queue);
        });
  }

  template <typename F>
  void for_each_chunk(const F& f) const {
    const Geometry& g = call_.geometry;
    for (std::int64_t image = 0; image < g.images(); image += full_.images) {
      for (std::int64_t output = 0; output < g.outputs(); output += full_.outputs) {
        f(Chunk{image, std::min(full_.images, g.images() - image), output,
                std::min(full_.outputs, g.outputs() - output)});
      }
    }
  }

  void run_all(const RunArguments& arguments, cudaStream_t stream) const {
    const Geometry& g = call_.geometry;
    const Cut& cut = call_.cut;
    const bool promised =
        is_aligned(arguments.first) && is_aligned(arguments.second) && is_aligned(arguments.result);
    std::byte* const space = arguments.workspace;
    const auto* const x = static_cast<const std::byte*>(arguments.first);
    // Operands are only read, whatever the matrices of a product are called.
    auto* const second = static_cast<std::byte*>(const_cast<void*>(arguments.second));
    auto* const result = static_cast<std::byte*>(arguments.result);
    std::byte* const w = filter_of(arguments, gradient_ ? result : second);
    if (!gradient_ && w == space + layout_.w) pack_filter(second, w, stream);
    bool first = true;
    for_each_chunk([&](const Chunk& chunk) {
      if (!cut.x_in_place) {
        pack_columns(g, arguments.first, x_type(), shifts_.x, space + layout_.x,
                     layout_.operands.x.side, layout_.operands.depth, chunk,
                     is_aligned(arguments.first), stream);
      }
      if (gradient_ && !cut.y_in_place) {
        pack_columns(dy_, arguments.second, call_.problem.output, shifts_.other, space + layout_.y,
                     layout_.operands.y.side, layout_.operands.outputs, chunk,
                     is_aligned(arguments.second), stream);
      }
      std::byte* const y = cut.y_in_place
                               ? (gradient_ ? second : result) +
                                     start(layout_.operands.y, chunk,
                                           gradient_ ? call_.factors : call_.problem.result_dtype())
                               : space + layout_.y;
      const std::byte* const columns =
          cut.x_in_place ? x + start(layout_.operands.x, chunk, call_.factors) : space + layout_.x;
      product_of(chunk, promised)
          .run(stream, columns, y, w, !first, space + layout_.bytes,
               cut.adds_bias ? arguments.bias : nullptr);
      first = false;
      if (!gradient_ && !cut.y_in_place) store(arguments, chunk, stream);
    });
    if (gradient_ && !cut.w_in_place) store(arguments, full_, stream);
  }

  // Where products find their filter: bound, the caller's `own`, or in the workspace.
  [[nodiscard]] std::byte* filter_of(const RunArguments& arguments, std::byte* own) const {
    if (const auto* bound = static_cast<const BoundMatrix*>(arguments.prepared)) {
      return static_cast<std::byte*>(const_cast<void*>(bound->packed.data()));  // only read
    }
    if (!call_.cut.w_in_place) return arguments.workspace + layout_.w;
    const Geometry& g = call_.gathers ? call_.forward : call_.geometry;
    return own + g.w_origin * static_cast<std::int64_t>(size_of(call_.problem.filter));
  }

  static std::int64_t start(const Operand& operand, const Chunk& chunk, DType type) {
    return (chunk.image * operand.side.image + chunk.output * operand.side.position) *
           static_cast<std::int64_t>(size_of(type));
  }

  [[nodiscard]] const ChunkProducts& product_of(const Chunk& chunk, bool promised) const {
    const std::size_t sizes = two_sizes_ ? 2 : 1;
    const std::size_t size = chunk.positions() == full_.positions() ? 0 : 1;
    return products_[(promised || variants_ == 1 ? 0 : sizes) + size];
  }

  Call call_;
  bool gradient_;
  Geometry dy_;
  Shifts shifts_ = shifts_of(call_.problem);
  Layout layout_;
  Chunk full_, last_;
  bool two_sizes_ = false;
  int variants_ = 1;
  std::vector<ChunkProducts> products_;
  std::size_t product_bytes_ = 0;
};

}  // namespace

Cut cut_of(const Call& call, std::int64_t columns_bytes, bool offers_bias) {
  if (call.gathers) {
    return cut_scattering(call.problem, call.geometry, call.forward, call.factors, columns_bytes);
  }
  return cut(call.problem, call.geometry, call.factors, columns_bytes, offers_bias);
}

std::unique_ptr<Task> make_task(const Call& call) {
  auto task = std::make_unique<Im2colTask>(call);
  if (!task->offered() && call.cut.adds_bias) {  // our store does
    Call other = call;
    other.cut = cut_of(call, call.columns_bytes, false);
    task = std::make_unique<Im2colTask>(other);
  }
  if (!task->offered()) {
    throw DeviceError(message("cuBLASLt has no algorithm for products of ", name(call.factors),
                              " of [", call.problem, ']'));
  }
  return task;
}

std::unique_ptr<Task> make_task_within(const Call& call, std::size_t limit) {
  Call limited = call;
  const auto copies = [&] { return lay_out(limited).bytes; };
  // Without bias by the product, where what replaces it might not fit.
  limited.cut = cut_of(call, limited.columns_bytes, false);
  while (copies() > limit && limited.columns_bytes > 0) {
    limited.columns_bytes /= 2;
    limited.cut = cut_of(call, limited.columns_bytes, false);
  }
  const std::size_t taken = copies();
  limited.product_bytes = std::min(call.product_bytes, limit > taken ? limit - taken : 0);
  return make_task(limited);
}

}  // namespace faltung::cuda::im2col
