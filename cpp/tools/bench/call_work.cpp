// The calls that suites name, and how their results are checked.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/rank.hpp>
#include <faltung/signal.hpp>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/tools/bench/call.hpp"

namespace faltung::bench {
namespace {

constexpr std::int64_t places = 1000;

// Sums of doubles, with digits to spare.
using Sum = long double;

// Of any real type, compact.
double element(const Tensor& tensor, std::int64_t position) {
  return visit_dtype(tensor.dtype(), [&](auto zero) -> double {
    using T = decltype(zero);
    if constexpr (is_complex(dtype_of<T>)) {
      return 0;
    } else {
      return static_cast<double>(static_cast<const T*>(tensor.data())[position]);
    }
  });
}

double norm_of(const Tensor& tensor) {
  double sum = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i) sum += std::pow(element(tensor, i), 2);
  return std::sqrt(sum);
}

// Calls f with random places of the result and the index of each.
template <typename F>
void for_places(const Shape& shape, std::uint64_t seed, F&& f) {
  const std::int64_t count = element_count(shape);
  std::mt19937_64 random(seed);
  for (std::int64_t i = 0; i < std::min(places, count); ++i) {
    const auto position = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count));
    Extents index = shape;
    std::int64_t rest = position;
    for (std::size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) {
      index[axis] = rest % shape[axis];
    }
    f(position, index);
  }
}

void count(ErrorCheck& check, Sum error, double bound) {
  const double size = std::abs(static_cast<double>(error));
  const double ratio = size == 0 ? 0 : bound > 0 ? size / bound : INFINITY;
  check.ratio = std::isnan(ratio) ? INFINITY : std::max(check.ratio, ratio);
  ++check.elements;
}

// The element that continues an image by Boundary::reflect.
std::int64_t reflected(std::int64_t i, std::int64_t n) {
  return extend_index(BoundaryKind::reflect, i, n);
}

// Numbers all over a narrow integer type's range, as pictures have them.
void fill_picture(Tensor& x, std::uint64_t seed) {
  if (!is_integer(x.dtype()) || size_of(x.dtype()) > 2) return fill(x, seed);
  std::mt19937_64 random(seed);
  visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (is_integer(dtype_of<T>)) {
      for (T& value : x.values<T>()) value = static_cast<T>(random() >> 20);
    }
  });
}

class RankWork : public CallWork {
 public:
  RankWork(const Call& call, std::uint64_t seed) : call_(call), x_(call.dtype, call.in) {
    fill_picture(x_, seed);
    options_.size = std::vector<std::int64_t>(call.window.begin(), call.window.end());
    rank_ = members() / 2;
    if (is_percentile()) {
      rank_ = std::min(members() - 1, static_cast<std::int64_t>(static_cast<double>(members()) *
                                                                call.percentile / 100));
    }
  }
  [[nodiscard]] Tensor run() const override {
    return is_percentile() ? image::percentile_filter(x_, call_.percentile, options_)
                           : image::median_filter(x_, options_);
  }
  [[nodiscard]] std::string engine() const override { return "cpu.rank"; }
  [[nodiscard]] std::string error_class() const override { return "exact"; }
  [[nodiscard]] double bytes() const override { return 2 * static_cast<double>(x_.bytes()); }
  [[nodiscard]] double multiply_adds() const override {
    return static_cast<double>(x_.size()) * static_cast<double>(members());
  }
  [[nodiscard]] ErrorCheck check(const Tensor& result, std::uint64_t seed) const override {
    ErrorCheck check;
    const Strides strides = compact_strides(call_.in);
    for_places(call_.in, seed, [&](std::int64_t position, const Extents& at) {
      std::vector<double> window;
      for_each_index(call_.window, [&](std::int64_t, const Extents& r) {
        std::int64_t place = 0;
        for (std::size_t i = 0; i < at.size(); ++i) {
          place += strides[i] * reflected(at[i] + r[i] - call_.window[i] / 2, call_.in[i]);
        }
        window.push_back(element(x_, place));
      });
      std::ranges::nth_element(window, window.begin() + rank_);
      const double expected = window[static_cast<std::size_t>(rank_)];
      count(check, element(result, position) == expected ? 0 : 1, 0);
    });
    return check;
  }

 private:
  [[nodiscard]] bool is_percentile() const { return call_.function == "image.percentile_filter"; }
  [[nodiscard]] std::int64_t members() const { return element_count(call_.window); }

  Call call_;
  Tensor x_;
  image::RankOptions options_;
  std::int64_t rank_;
};

class MeanWork : public CallWork {
 public:
  MeanWork(const Call& call, const std::string& engine, std::uint64_t seed)
      : call_(call), strides_(compact_strides(call.in)), x_(call.dtype, call.in) {
    fill_picture(x_, seed);
    options_.size = std::vector<std::int64_t>(call.window.begin(), call.window.end());
    options_.run.engine = engine;
  }
  [[nodiscard]] Tensor run() const override { return image::uniform(x_, options_); }
  [[nodiscard]] std::string engine() const override {
    return options_.run.engine.empty() ? "cpu.mean" : options_.run.engine;
  }
  [[nodiscard]] std::string error_class() const override {
    return is_integer(call_.dtype) ? "exact" : "elementwise";
  }
  [[nodiscard]] double bytes() const override { return 2 * static_cast<double>(x_.bytes()); }
  [[nodiscard]] double multiply_adds() const override {
    std::int64_t taps = 0;
    for (const std::int64_t size : call_.window) taps += size;
    return static_cast<double>(x_.size()) * static_cast<double>(taps);
  }
  // Each pass sums `size` elements in the type of the data at least, divides and stores.
  [[nodiscard]] ErrorCheck check(const Tensor& result, std::uint64_t seed) const override {
    double growth = 1;
    for (const std::int64_t size : call_.window) {
      growth *= 1 + static_cast<double>(size + 3) * unit_roundoff(call_.dtype);
    }
    // A mean along all axes takes all elements of the box.
    constexpr std::int64_t most_elements = 100000000;
    const std::int64_t max = std::max<std::int64_t>(1, most_elements / element_count(call_.window));
    ErrorCheck check;
    for_places(call_.in, seed, [&](std::int64_t position, Extents at) {
      if (check.elements == max) return;
      const auto [mean, magnitude] = mean_at(at, at.size());
      const double bound = is_integer(call_.dtype) ? 0 : (growth - 1) * magnitude;
      count(check, element(result, position) - mean, bound);
    });
    return check;
  }

 private:
  struct Mean {
    Sum value;
    double magnitude;  // of the same mean of magnitudes
  };
  // After the passes along the axes before `axes`; integers truncate after each.
  [[nodiscard]] Mean mean_at(Extents& at, std::size_t axes) const {
    if (axes == 0) {
      const double value = element(x_, offset_of(at, strides_));
      return {value, std::abs(value)};
    }
    const std::size_t axis = axes - 1;
    const std::int64_t here = at[axis], size = call_.window[axis];
    Mean sum{0, 0};
    for (std::int64_t r = 0; r < size; ++r) {
      at[axis] = reflected(here + r - size / 2, call_.in[axis]);
      const Mean part = mean_at(at, axis);
      sum.value += part.value;
      sum.magnitude += part.magnitude;
    }
    at[axis] = here;
    const Sum mean = sum.value / static_cast<Sum>(size);
    return {is_integer(call_.dtype) ? std::trunc(mean) : mean,
            sum.magnitude / static_cast<double>(size)};
  }

  Call call_;
  Strides strides_;
  Tensor x_;
  image::UniformOptions options_;
};

// How far a sum may be from the definition's, for one plan.
struct SumBound {
  ErrorBound bound;
  double norms = 0;  // ||x|| ||w||
  [[nodiscard]] double operator()(double magnitude) const {
    switch (bound.kind) {
      case ErrorBound::Kind::exact:
        return 0;
      case ErrorBound::Kind::elementwise:
        return bound.constant * magnitude;
      case ErrorBound::Kind::normwise:
        break;
    }
    return bound.constant * norms;
  }
};

class SepfirWork : public CallWork {
 public:
  SepfirWork(const Call& call, const std::string& engine, std::uint64_t seed)
      : x_(call.dtype, call.in),
        hcol_(call.dtype, {call.window[0]}),
        hrow_(call.dtype, {call.window[1]}),
        rows_(plan(call, {1, call.window[1]}, engine)),
        columns_(plan(call, {call.window[0], 1}, engine)) {
    options_.run.engine = engine;
    fill(x_, seed);
    fill(hrow_, seed + 1);
    fill(hcol_, seed + 2);
  }
  [[nodiscard]] Tensor run() const override { return signal::sepfir2d(x_, hrow_, hcol_, options_); }
  [[nodiscard]] std::string engine() const override {
    const std::string& columns = columns_.engine();
    return rows_.engine() == columns ? columns : rows_.engine() + ", " + columns;
  }
  [[nodiscard]] std::string error_class() const override {
    return std::string(name(std::max(rows_.error_bound().kind, columns_.error_bound().kind)));
  }
  [[nodiscard]] double bytes() const override { return 2 * static_cast<double>(x_.bytes()); }
  [[nodiscard]] double multiply_adds() const override {
    return static_cast<double>(x_.size()) * static_cast<double>(hrow_.size() + hcol_.size());
  }
  [[nodiscard]] ErrorCheck check(const Tensor& result, std::uint64_t seed) const override {
    const Shape& shape = x_.shape();
    const double u = unit_roundoff(x_.dtype());
    // Reflected elements count twice, and |x * h| <= |x| |h|_1 <= |x| |h| sqrt(taps).
    const double rows_norm = std::sqrt(2) * norm_of(x_) * norm_of(hrow_);
    const double between = std::sqrt(2 * static_cast<double>(hrow_.size())) * rows_norm;
    const SumBound rows{rows_.error_bound(), rows_norm};
    const SumBound columns{columns_.error_bound(), between * norm_of(hcol_)};
    ErrorCheck check;
    for_places(shape, seed, [&](std::int64_t position, const Extents& at) {
      Sum sum = 0;
      double magnitude = 0, carried = 0;
      for (std::int64_t a = 0; a < hcol_.size(); ++a) {
        const std::int64_t i = reflected(at[0] + (hcol_.size() - 1) / 2 - a, shape[0]);
        Sum row = 0;
        double row_magnitude = 0;
        for (std::int64_t b = 0; b < hrow_.size(); ++b) {
          const std::int64_t j = reflected(at[1] + (hrow_.size() - 1) / 2 - b, shape[1]);
          const Sum product = Sum{element(hrow_, b)} * element(x_, i * shape[1] + j);
          row += product;
          row_magnitude += std::abs(static_cast<double>(product));
        }
        const double tap = element(hcol_, a), size = std::abs(static_cast<double>(row));
        sum += tap * row;
        magnitude += std::abs(tap) * size;
        carried += std::abs(tap) * (rows(row_magnitude) + u * size);
      }
      // The rows' own errors are summed too.
      count(check, element(result, position) - sum,
            carried + columns(magnitude + carried) + u * std::abs(static_cast<double>(sum)));
    });
    return check;
  }

 private:
  // One of the two passes as the library plans it.
  static Plan plan(const Call& call, const Shape& taps, const std::string& engine) {
    const std::string text = message("op=filter dtype=", name(call.dtype), " in=", call.in[0], 'x',
                                     call.in[1], " f=", taps[0], 'x', taps[1], " boundary=reflect");
    return Plan::make(Problem::parse(text), Device::cpu(), {.engine = engine});
  }

  Tensor x_, hcol_, hrow_;
  Plan rows_, columns_;
  signal::Sepfir2dOptions options_;
};

class UpfirdnWork : public CallWork {
 public:
  UpfirdnWork(const Call& call, const std::string& engine, std::uint64_t seed)
      : x_(call.dtype, call.in),
        h_(call.dtype, call.window),
        options_{.up = call.up, .down = call.down, .run = {.engine = engine}},
        lowering_(signal::lower_upfirdn(h_, x_, options_)),
        plan_(Plan::make(lowering_.problem, Device::cpu(), lowering_.plan)) {
    fill(x_, seed);
    fill(h_, seed + 1);
  }
  [[nodiscard]] Tensor run() const override { return signal::upfirdn(h_, x_, options_); }
  [[nodiscard]] std::string engine() const override { return plan_.engine(); }
  [[nodiscard]] std::string error_class() const override {
    return std::string(name(plan_.error_bound().kind));
  }
  [[nodiscard]] double bytes() const override {
    return static_cast<double>(x_.bytes()) +
           static_cast<double>(element_count(lowering_.result_shape)) *
               static_cast<double>(size_of(x_.dtype()));
  }
  [[nodiscard]] double multiply_adds() const override {
    return static_cast<double>(element_count(lowering_.result_shape)) *
           static_cast<double>(h_.size()) / static_cast<double>(options_.up);
  }
  [[nodiscard]] ErrorCheck check(const Tensor& result, std::uint64_t seed) const override {
    const SumBound sums{plan_.error_bound(), norm_of(x_) * norm_of(h_)};
    const double u = unit_roundoff(x_.dtype());
    ErrorCheck check;
    for_places(lowering_.result_shape, seed, [&](std::int64_t position, const Extents&) {
      const std::int64_t last = position * options_.down;  // of the samples with zeros between
      Sum sum = 0;
      double magnitude = 0;
      for (std::int64_t tap = last % options_.up; tap < h_.size() && tap <= last;
           tap += options_.up) {
        const std::int64_t sample = (last - tap) / options_.up;
        if (sample >= x_.size()) continue;
        const Sum product = Sum{element(h_, tap)} * element(x_, sample);
        sum += product;
        magnitude += std::abs(static_cast<double>(product));
      }
      count(check, element(result, position) - sum,
            sums(magnitude) + u * std::abs(static_cast<double>(sum)));
    });
    return check;
  }

 private:
  Tensor x_, h_;
  signal::UpfirdnOptions options_;
  signal::Lowering lowering_;
  Plan plan_;
};

}  // namespace

std::unique_ptr<CallWork> make_work(const Call& call, const std::string& engine,
                                    std::uint64_t seed) {
  if (call.function == "image.uniform") return std::make_unique<MeanWork>(call, engine, seed);
  if (call.function == "signal.sepfir2d") return std::make_unique<SepfirWork>(call, engine, seed);
  if (call.function == "signal.upfirdn") return std::make_unique<UpfirdnWork>(call, engine, seed);
  if (!engine.empty()) {
    throw NoEngine(message("engine is '", engine, "'; ", call.function,
                           " chooses elements and has no engines, so leave --engine out"));
  }
  return std::make_unique<RankWork>(call, seed);
}

}  // namespace faltung::bench
