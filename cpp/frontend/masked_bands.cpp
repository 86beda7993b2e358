#include "cpp/frontend/masked_bands.hpp"

#include <algorithm>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/masked.hpp"
#include "cpp/frontend/scratch.hpp"

namespace faltung::masked {
namespace {

// Four images of 128 KiB of f32, which L2 of every machine of late holds.
constexpr std::int64_t band_elements = 1 << 15;
// Rows that are loaded twice are at most a quarter of all.
constexpr std::int64_t rows_per_halo = 4;

std::int64_t row_elements(const Shape& shape) {
  std::int64_t count = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) count *= shape[i];
  return count;
}

Shape with_rows(Shape shape, std::int64_t rows) {
  shape[0] = rows;
  return shape;
}

template <typename View>
View rows_of(View view, std::int64_t first, std::int64_t count) {
  const auto step = view.strides[0] * static_cast<std::int64_t>(size_of(view.dtype));
  if constexpr (std::is_same_v<View, TensorView>) {
    view.data = static_cast<std::byte*>(view.data) + first * step;
  } else {
    view.data = static_cast<const std::byte*>(view.data) + first * step;
  }
  view.shape[0] = count;
  return view;
}

void fill(const TensorView& view, double value) {
  const ConstTensorView all{&value, f64, view.shape, Strides::filled(view.shape.size(), 0), {}};
  copy_elements(all, view);
}

// Where the images of a band lie, from the start of a slot's memory.
struct Layout {
  Layout(const Masked& m, const Shape& x_shape, const Shape& y_shape)
      : x(with_rows(x_shape, m.bands->rows + m.bands->taps - 1)),
        y(with_rows(y_shape, m.bands->rows)) {
    const std::size_t of_x = image_bytes(x, m.types.sums), of_y = image_bytes(y, m.types.sums);
    weights = of_x;
    sums = weights + (m.taps.divides ? of_x : 0);
    divisors = sums + of_y;
    counts = divisors + (m.taps.divides ? of_y : 0);
    scratch = counts + (m.taps.counts_apart ? of_y : 0);
    std::size_t most = 0;
    for (const auto* pass : {&m.bands->data, &m.bands->divisors, &m.bands->counts}) {
      if (*pass) most = std::max(most, (*pass)->plan()->workspace_bytes());
    }
    bytes = scratch + (most + memory_alignment - 1) / memory_alignment * memory_alignment;
  }
  Shape x, y;
  std::size_t weights, sums, divisors, counts, scratch, bytes;
};

class BandRun {
 public:
  BandRun(const Masked& m, const ConstTensorView& x, const TensorView& y, const Stream& stream,
          const Layout& layout, std::byte* memory)
      : m_(m), x_(x), y_(y), stream_(stream), layout_(layout), memory_(memory) {}

  void operator()(std::int64_t band) const {
    const std::int64_t rows = m_.bands->rows, first = band * rows;
    const std::int64_t start = std::min(first, y_.shape[0] - rows);
    const Taps& taps = m_.taps;
    const Workspace scratch =
        layout_.bytes == layout_.scratch
            ? Workspace{}
            : Workspace{memory_ + layout_.scratch, layout_.bytes - layout_.scratch};
    const TensorView values = image(0, layout_.x), sums = image(layout_.sums, layout_.y);
    const TensorView weights = taps.divides ? image(layout_.weights, layout_.x) : TensorView{};
    QuotientRule rule = taps.rule;
    const Loaded loaded = load_rows(start - m_.bands->before, values, weights);
    m_.bands->data->run_forward(values.data, sums.data, stream_, scratch);
    ConstTensorView divisors, counts;
    if (taps.divides && !(loaded.all_count && !m_.bands->ends)) {
      divisors = image(layout_.divisors, layout_.y);
      m_.bands->divisors->run_forward(weights.data, memory_ + layout_.divisors, stream_, scratch);
      rule.vanishing *= loaded.largest_weight;
      if (taps.counts_apart) {
        count_weights(weights);  // they have done their work
        counts = image(layout_.counts, layout_.y);
        m_.bands->counts->run_forward(weights.data, memory_ + layout_.counts, stream_, scratch);
      } else if (rule.min_count > 1) {
        counts = divisors;
      }
    }
    const std::int64_t skipped = first - start, count = rows - skipped;
    const auto own = [&](const auto& of) {
      return of.data == nullptr ? of : rows_of(of, skipped, count);
    };
    const TensorView to = rows_of(y_, first, count), own_sums = own(sums);
    const bool direct = to.dtype == sums.dtype && is_compact(to);
    finish(own_sums, own(divisors), own(counts), m_, rows_or_none(first, count), rule,
           direct ? to : own_sums);
    if (!direct) copy_elements(own_sums, to);
  }

 private:
  [[nodiscard]] TensorView image(std::size_t offset, const Shape& shape) const {
    return {memory_ + offset, m_.types.sums, shape, compact_strides(shape), x_.device};
  }
  // The elements in the places of the results; signals have none.
  [[nodiscard]] ConstTensorView rows_or_none(std::int64_t first, std::int64_t count) const {
    return x_.shape == y_.shape ? rows_of(x_, first, count) : ConstTensorView{};
  }

  // Rows of x from `first` on, which may be negative, and of its weights.
  Loaded load_rows(std::int64_t first, const TensorView& values, const TensorView& weights) const {
    const std::int64_t n = x_.shape[0], count = values.shape[0];
    const BoundaryKind kind = m_.bands->boundary.kind;
    Loaded all;
    all.largest_weight = 0;
    for (std::int64_t i = 0; i < count;) {
      const std::int64_t at = first + i, source = extend_index(kind, at, n);
      const bool inside = at >= 0 && at < n;
      const std::int64_t many = inside ? std::min(count - i, n - at) : 1;
      const TensorView v = rows_of(values, i, many);
      const TensorView w = weights.data == nullptr ? weights : rows_of(weights, i, many);
      Loaded part;
      if (source == outside) {
        const bool there = kind == BoundaryKind::constant;
        fill(v, there ? m_.bands->boundary.value.real() : 0);
        if (w.data != nullptr) fill(w, there ? 1 : 0);
        part = {there, there ? 1.0 : 0.0};
      } else {
        part = load_elements(m_, source, rows_of(x_, source, many), v, w);
      }
      all.all_count = all.all_count && part.all_count;
      all.largest_weight = std::max(all.largest_weight, part.largest_weight);
      i += many;
    }
    return all;
  }

  const Masked& m_;
  const ConstTensorView& x_;
  const TensorView& y_;
  const Stream& stream_;
  const Layout& layout_;
  std::byte* memory_;
};

std::int64_t count_of(const Bands& bands, const Shape& y) {
  return (y[0] + bands.rows - 1) / bands.rows;
}

}  // namespace

std::int64_t rows_of_band(const Shape& x, const Shape& y, std::int64_t taps) {
  if (x.empty() || element_count(x) == 0 || element_count(y) == 0) return 0;
  const std::int64_t row = std::max(row_elements(x), row_elements(y));
  const std::int64_t least = std::max<std::int64_t>(1, rows_per_halo * (taps - 1));
  const std::int64_t most = std::max(least, band_elements / row);
  if (most >= y[0] || most > 4 * band_elements / row) return 0;
  const std::int64_t count = (y[0] + most - 1) / most;
  return (y[0] + count - 1) / count;  // all of a size
}

int slots_of(const Bands& bands, const Shape& y) {
  constexpr double convolutions = 2.5;  // loads and quotients included
  const std::int64_t count = count_of(bands, y);
  const double us = bands.data->plan()->estimate_us();
  return plan_threads(count, convolutions * us * static_cast<double>(count));
}

std::size_t bands_bytes(const Masked& masked, const Shape& x, const Shape& y) {
  return static_cast<std::size_t>(masked.bands->slots) * Layout(masked, x, y).bytes;
}

void run_bands(const Masked& masked, const ConstTensorView& x, const TensorView& y,
               const Stream& stream, const Workspace& workspace) {
  const FloatEnvironment environment(subnormals_of(masked.run));
  const Layout layout(masked, x.shape, y.shape);
  auto* const memory = static_cast<std::byte*>(workspace.data);
  parallel_for(count_of(*masked.bands, y.shape), masked.bands->slots,
               [&](std::int64_t band, int slot) {
                 std::byte* const own = memory + static_cast<std::size_t>(slot) * layout.bytes;
                 BandRun(masked, x, y, stream, layout, own)(band);
               });
}

}  // namespace faltung::masked
