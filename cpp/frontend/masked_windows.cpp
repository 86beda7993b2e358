#include "cpp/frontend/masked_windows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/extended_axis.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/masked/rows.hpp"
#include "cpp/cpu/masked/windows.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/masked.hpp"

namespace faltung::masked {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

Shape as_image(const Shape& shape) { return shape.size() == 1 ? Shape{1, shape[0]} : shape; }

// Corners of two axes follow one rule, or rules that show elements.
bool corners_are_plain(const WindowAxis& a, const WindowAxis& b) {
  const auto shows = [](const WindowAxis& axis) {
    return axis.taps == 1 || (axis.boundary.kind != BoundaryKind::zero &&
                              axis.boundary.kind != BoundaryKind::constant);
  };
  const bool one = a.boundary == b.boundary || a.taps == 1 || b.taps == 1;
  return one || (shows(a) && shows(b));
}

// As they meet the data, in the type of the sums.
Tensor met_taps(const Tensor& taps, const Shape& shape, bool flip) {
  Tensor met = compact_copy(taps.view(), taps.dtype()).reshaped(shape);
  const auto reverse = [&](auto values) { std::ranges::reverse(values); };
  if (!flip) return met;
  if (met.dtype() == f64) {
    reverse(met.values<double>());
  } else {
    reverse(met.values<float>());
  }
  return met;
}

bool serves(const Masked& m, const Shape& x, const Shape& y) {
  constexpr std::int64_t least = 64;  // results of a row: fewer leave registers empty
  return m.words.nan == NanRule::missing && !m.weights.given() && !m.taps.counts_apart &&
         m.run.engine.empty() && !m.run.reproducible && m.words.method != Method::fft &&
         m.data.plan->problem().separable == 0 && (x.size() == 1 || x.size() == 2) &&
         element_count(x) > 0 && element_count(y) > 0 && y[y.size() - 1] >= least;
}

}  // namespace

std::optional<Windows> windows_of(const Masked& masked, const Shape& x, const Shape& y,
                                  const std::array<WindowAxis, 2>& axes, bool flip) {
  if (!serves(masked, x, y) || !corners_are_plain(axes[0], axes[1])) return {};
  for (const WindowAxis& axis : axes) {
    // A constant that is NaN is no missing element.
    if (std::isnan(axis.boundary.value.real())) return {};
  }
  const std::int64_t rows = axes[0].taps, columns = axes[1].taps;
  const Taps& taps = masked.taps;
  Windows w{.taps = met_taps(taps.equal ? taps.ones : taps.data, {rows, columns}, flip),
            .rule = taps.rule,
            .axes = axes};
  if (taps.equal) {
    w.rule.sum = static_cast<double>(rows * columns);
    w.rule.tap = 1;
  }
  const Extents steps = sum_steps({1, rows, columns});
  w.block_rows = steps[1];
  w.block_columns = steps[2];
  // Whole rows, which memory likes best, where tiles then stay in the second cache and what two of
  // them load is at most a fifth; else narrow tiles, of which a third may be loaded twice.
  const Shape image = as_image(y);
  const std::int64_t kib = 1024 / static_cast<std::int64_t>(size_of(masked.types.sums));
  if (image[0] == 1) {
    w.columns = std::min(image[1], std::max(32 * kib, round_up(columns, kib)));
    w.rows = 1;
  } else {
    const std::int64_t halo = rows - 1, high = std::max<std::int64_t>(16, 4 * halo);
    const std::int64_t width = image[1] + columns - 1;
    const bool whole = (high + halo) * width <= 512 * kib;
    w.columns = whole ? image[1] : std::min(image[1], std::max(2 * kib, round_up(columns, kib)));
    w.rows =
        whole ? std::max(high, 256 * kib / width - halo) : std::max<std::int64_t>(64, 2 * halo);
    w.rows = std::min(image[0], w.rows);
  }
  const std::int64_t tiles = ceil_divide(image[0], w.rows) * ceil_divide(image[1], w.columns);
  w.slots = plan_threads(tiles, 2 * masked.data.plan->estimate_us());
  return w;
}

namespace {

// Where the images of a tile lie, in elements from the start of a slot's memory.
struct Layout {
  explicit Layout(const Windows& w)
      : step(round_up(w.columns + w.axes[1].taps - 1 + window_slack, 64)),
        pitch(round_up(w.columns, 64)),
        divisors(round_up((w.rows + w.axes[0].taps - 1) * step, 64)),
        results(divisors + 2 * pitch),
        elements(results + 2 * pitch) {}
  std::int64_t step, pitch, divisors, results, elements;
};

template <typename T>
class TileRun {
 public:
  TileRun(const Masked& m, const ConstTensorView& x, const TensorView& y, T* memory)
      : m_(m),
        w_(*m.windows),
        x_(x),
        y_(y),
        layout_(w_),
        memory_(memory),
        load_(load_row<T>(x.dtype)),
        rows_(row_kernels<T>()),
        windows_(window_kernels<T>()),
        quotient_(quotient_of<T>(w_.rule)),
        plain_(x.dtype == dtype_of<T> && x.strides[1] == 1),
        direct_(y.dtype == dtype_of<T> && y.strides[1] == 1) {}

  void operator()(std::int64_t tile) const {
    const std::int64_t across = ceil_divide(y_.shape[1], w_.columns);
    const std::int64_t row = tile / across * w_.rows, column = tile % across * w_.columns;
    const std::int64_t rows = std::min(w_.rows, y_.shape[0] - row);
    const std::int64_t columns = std::min(w_.columns, y_.shape[1] - column);
    std::int64_t loaded = 0, last_missing = -1;
    for (std::int64_t i = 0; i < rows; i += 2) {
      const std::int64_t both = std::min<std::int64_t>(2, rows - i);
      // Just before they are needed, and so in the first cache.
      for (; loaded < i + both + w_.axes[0].taps - 1; ++loaded) {
        T* const to = memory_ + loaded * layout_.step;
        if (load_line(row - w_.axes[0].before + loaded, column, columns, to)) {
          last_missing = loaded;
        }
      }
      prefetch(row - w_.axes[0].before + loaded, row + i + 2, column, columns);
      run_rows({row + i, column, both, columns}, i, last_missing >= i);
    }
  }

 private:
  // What results from `column` on look at in one row of the extended x, and zeros behind it.
  // Whether something is missing.
  bool load_line(std::int64_t row, std::int64_t column, std::int64_t columns, T* to) const {
    const WindowAxis &along = w_.axes[1], &down = w_.axes[0];
    const std::int64_t first = column - along.before, count = columns + along.taps - 1;
    std::fill_n(to + count, window_slack, T(0));
    const std::int64_t source = extend_index(down.boundary.kind, row, x_.shape[0]);
    if (source == outside) {
      std::fill_n(to, count, beyond(down));
      return std::isnan(beyond(down));
    }
    const std::int64_t n = x_.shape[1], offset = source * x_.strides[0];
    const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, count);
    const std::int64_t end = std::clamp<std::int64_t>(n - first, begin, count);
    const std::int64_t from = offset + (first + begin) * x_.strides[1];
    bool missing = false;
    if (plain_) {
      missing = windows_.copy(static_cast<const T*>(x_.data) + from, end - begin, to + begin);
    } else {
      load_(x_.data, from, x_.strides[1], end - begin, to + begin, 1);
      missing = rows_.has_nan(to + begin, end - begin);
    }
    const auto extend = [&](std::int64_t i) {
      const std::int64_t at = extend_index(along.boundary.kind, first + i, n);
      if (at == outside) {
        to[i] = beyond(along);
      } else {
        load_(x_.data, offset + at * x_.strides[1], 1, 1, to + i, 1);
      }
      missing = missing || std::isnan(to[i]);
    };
    for (std::int64_t i = 0; i < begin; ++i) extend(i);
    for (std::int64_t i = end; i < count; ++i) extend(i);
    return missing;
  }

  // Rows that the next results read and write, while these are computed.
  void prefetch(std::int64_t first_read, std::int64_t first_written, std::int64_t column,
                std::int64_t columns) const {
    constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t r = 0; r < 2; ++r) {
      const std::int64_t read = first_read + r, written = first_written + r;
      if (plain_ && read >= 0 && read < x_.shape[0]) {
        const T* const from = static_cast<const T*>(x_.data) + read * x_.strides[0];
        const std::int64_t end = std::min(column + columns, x_.shape[1]);
        for (std::int64_t i = column; i < end; i += line) __builtin_prefetch(from + i, 0);
      }
      if (direct_ && written < y_.shape[0]) {
        const T* const to = static_cast<const T*>(y_.data) + written * y_.strides[0];
        for (std::int64_t i = column; i < column + columns; i += line) {
          __builtin_prefetch(to + i, 1);
        }
      }
    }
  }
  static T beyond(const WindowAxis& axis) {
    return axis.boundary.kind == BoundaryKind::constant ? static_cast<T>(axis.boundary.value.real())
                                                        : std::numeric_limits<T>::quiet_NaN();
  }

  // One or two rows of results.
  struct Rows {
    std::int64_t row, column, rows, columns;
  };
  // Those of the tile from `own` on.
  void run_rows(const Rows& at, std::int64_t own, bool missing) const {
    const OriginalRule originals{.fills = !m_.words.fill, .preserves = m_.words.preserve_nan};
    const bool restores = originals.preserves || (originals.fills && missing);
    const bool counted = missing && w_.rule.min_count > 1;
    WindowRows<T> rows{.data = memory_ + own * layout_.step,
                       .step = layout_.step,
                       .results = {},
                       .divisors = {},
                       .rows = at.rows,
                       .columns = at.columns};
    for (std::int64_t r = 0; r < at.rows; ++r) {
      rows.results[r] = direct_ ? static_cast<T*>(line_of(y_, at, r).data)
                                : memory_ + layout_.results + r * layout_.pitch;
      if (restores && missing) rows.divisors[r] = memory_ + layout_.divisors + r * layout_.pitch;
    }
    const WindowTaps<T> taps{static_cast<const T*>(w_.taps.data()), w_.axes[0].taps,
                             w_.axes[1].taps, w_.block_rows, w_.block_columns};
    const auto run = !missing  ? windows_.sums
                     : counted ? windows_.counted_quotients
                               : windows_.quotients;
    run(taps, rows, quotient_);
    for (std::int64_t r = 0; r < at.rows && (restores || !direct_); ++r) {
      const Shape shape{at.columns};
      const TensorView results{rows.results[r], dtype_of<T>, shape, {1}, Device::cpu()};
      const ConstTensorView divisors{rows.divisors[r], dtype_of<T>, shape, {1}, Device::cpu()};
      if (restores) {
        restore(results, divisors, counted ? divisors : ConstTensorView{}, line_of(x_, at, r),
                w_.rule, originals);
      }
      if (!direct_) copy_elements(results, line_of(y_, at, r));
    }
  }

  template <typename View>
  static View line_of(const View& view, const Rows& at, std::int64_t r) {
    const std::int64_t offset = (at.row + r) * view.strides[0] + at.column * view.strides[1];
    View line{nullptr, view.dtype, {at.columns}, {view.strides[1]}, view.device};
    using Byte = std::conditional_t<std::is_same_v<View, TensorView>, std::byte, const std::byte>;
    line.data =
        static_cast<Byte*>(view.data) + offset * static_cast<std::int64_t>(size_of(view.dtype));
    return line;
  }

  const Masked& m_;
  const Windows& w_;
  const ConstTensorView& x_;
  const TensorView& y_;
  Layout layout_;
  T* memory_;
  LoadRow<T> load_;
  RowKernels<T> rows_;
  WindowKernels<T> windows_;
  Quotient<T> quotient_;
  bool plain_, direct_;  // rows of x are read, and those of y written, where they lie
};

template <typename View>
View as_image(View view) {
  if (view.shape.size() == 2) return view;
  view.strides = {0, view.strides[0]};
  view.shape = as_image(view.shape);
  return view;
}

template <typename T>
void run_as(const Masked& masked, const ConstTensorView& x, const TensorView& y, T* memory) {
  const Windows& w = *masked.windows;
  const std::int64_t tiles = ceil_divide(y.shape[0], w.rows) * ceil_divide(y.shape[1], w.columns);
  const std::int64_t elements = Layout(w).elements;
  parallel_for(tiles, w.slots, [&](std::int64_t tile, int slot) {
    TileRun<T>(masked, x, y, memory + slot * elements)(tile);
  });
}

}  // namespace

std::size_t windows_bytes(const Masked& masked) {
  const Windows& w = *masked.windows;
  return static_cast<std::size_t>(w.slots * Layout(w).elements) * size_of(masked.types.sums);
}

void run_windows(const Masked& masked, const ConstTensorView& x, const TensorView& y,
                 const Workspace& workspace) {
  const FloatEnvironment environment(subnormals_of(masked.run));
  if (masked.types.sums == f64) {
    run_as(masked, as_image(x), as_image(y), static_cast<double*>(workspace.data));
  } else {
    run_as(masked, as_image(x), as_image(y), static_cast<float*>(workspace.data));
  }
}

}  // namespace faltung::masked
