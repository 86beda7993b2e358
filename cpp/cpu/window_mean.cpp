#include "cpp/cpu/window_mean.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/memory_guard.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

// Quotients by reciprocal are exact for sums below this: the next quotient is 1/size away.
constexpr double most_by_reciprocal = 0x1p51;

// How sums of one window become a mean.
struct Division {
  double size = 1;
  double reciprocal = 1;  // a step above 1/size, so that no whole quotient falls below itself
  std::int64_t whole_size = 1;
  bool scaled = false;  // the elements were divided before they were summed
  StoreRule store;
};

// Lines side by side: `lanes` elements, `step` elements apart.
struct Lanes {
  std::int64_t count = 1;
  std::int64_t step = 1;
};

template <typename Sum>
using Load = void (*)(const void* from, Lanes lanes, double scale, Sum* to);
template <typename Sum>
using Store = void (*)(const Sum* sums, Lanes lanes, const Division& division, void* to);

template <typename Sum, typename T>
Sum load_one(T value, double scale) {
  if constexpr (std::is_same_v<Sum, double>) {
    return static_cast<double>(value) * scale;
  } else {
    return static_cast<WideSigned>(value);
  }
}

template <typename Sum, typename T>
void load(const void* from, Lanes lanes, double scale, Sum* to) {
  const T* values = static_cast<const T*>(from);
  if (lanes.step == 1) {
    for (std::int64_t i = 0; i < lanes.count; ++i) to[i] = load_one<Sum>(values[i], scale);
  } else {
    for (std::int64_t i = 0; i < lanes.count; ++i) {
      to[i] = load_one<Sum>(values[i * lanes.step], scale);
    }
  }
}

// The quotient of whole sums is exact. Others may be no number, or too large for a remainder.
double whole_mean(double sum, const Division& division) {
  const double quotient = std::trunc(sum * division.reciprocal);
  if (division.store.rounding == Rounding::truncate) return quotient;
  const double twice = 2 * (sum - quotient * division.size);
  const double odd = std::abs(std::fmod(quotient, 2));
  const double past = std::abs(twice);
  if (past > division.size || (past == division.size && odd == 1)) {
    return quotient + std::copysign(1.0, sum);
  }
  return quotient;
}

WideSigned whole_mean(WideSigned sum, const Division& division) {
  const WideSigned size = division.whole_size;
  const WideSigned quotient = sum / size;
  if (division.store.rounding == Rounding::truncate) return quotient;
  const WideSigned rest = sum - quotient * size;
  const WideSigned past = 2 * (rest < 0 ? -rest : rest);
  const bool up = past > size || (past == size && quotient % 2 != 0);
  return up ? quotient + (sum < 0 ? -1 : 1) : quotient;
}

template <typename T, typename Sum>
T mean_of(Sum sum, const Division& division) {
  if constexpr (is_integer(dtype_of<T>)) {
    if constexpr (std::is_same_v<Sum, double>) {
      const double whole = whole_mean(sum, division);
      if constexpr (sizeof(T) <= 4) {  // the usual case, without a remainder by 2^64
        if (std::abs(whole) < 0x1p31) {
          const auto number = static_cast<std::int64_t>(whole);
          if (division.store.overflow == Overflow::wrap) return static_cast<T>(number);
          return static_cast<T>(std::clamp<std::int64_t>(number, std::numeric_limits<T>::min(),
                                                         std::numeric_limits<T>::max()));
        }
      }
      return store_rounded<T>(whole, division.store);
    } else {
      return store_element<T>(static_cast<WideUnsigned>(whole_mean(sum, division)), division.store);
    }
  } else {
    const double value = static_cast<double>(sum);
    return store_element<T>(division.scaled ? value : value / division.size, division.store);
  }
}

template <typename Sum, typename T>
void store(const Sum* sums, Lanes lanes, const Division& division, void* to) {
  T* values = static_cast<T*>(to);
  for (std::int64_t i = 0; i < lanes.count; ++i) {
    values[i * lanes.step] = mean_of<T>(sums[i], division);
  }
}

template <typename Sum>
Load<Sum> loader(DType type) {
  return visit_dtype(type, [](auto element) -> Load<Sum> {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      return nullptr;
    } else if constexpr (std::is_same_v<Sum, double> || is_integer(dtype_of<T>)) {
      return load<Sum, T>;
    } else {
      return nullptr;
    }
  });
}

template <typename Sum>
Store<Sum> storer(DType type) {
  return visit_dtype(type, [](auto element) -> Store<Sum> {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      return nullptr;
    } else {
      return store<Sum, T>;
    }
  });
}

// All lines along one axis of real data.
template <typename Sum>
class Run {
 public:
  Run(const ConstTensorView& x, const TensorView& y, const WindowMean& mean)
      : x_(x), y_(y), mean_(mean), extent_(x.shape[mean.axis]) {
    const auto size = static_cast<double>(mean.size);
    division_ = {size, std::nextafter(1 / size, 2.0), mean.size, false, mean.store};
    // Sums of f64 could overflow where their mean does not.
    division_.scaled = x.dtype == DType::f64 && !is_integer(y.dtype);
    scale_ = division_.scaled ? 1 / size : 1;
    kept_ = std::min(mean.size, extent_);
    choose_lanes();
  }

  void operator()() {
    const std::int64_t tiles = (x_.shape[lane_axis_] + width_ - 1) / width_;
    const std::int64_t lines = across_ == 0 ? 1 : tiles;
    Shape outer = x_.shape;
    outer[mean_.axis] = 1;
    if (across_ != 0) outer[lane_axis_] = 1;
    const std::int64_t rest = element_count(outer);
    const std::int64_t blocks = (extent_ - 1) / mean_.size + 1;
    // A long line alone is shared out by blocks.
    const std::int64_t parts =
        std::min<std::int64_t>(blocks, std::max<std::int64_t>(1, 16 / (lines * rest)));
    const std::int64_t jobs = lines * rest * parts;
    const int slots = plan_threads(jobs, microseconds());
    const auto values = static_cast<std::uint64_t>((kept_ + 3) * width_);
    auto scratch =
        with_memory("suffix sums", static_cast<std::uint64_t>(slots) * values * sizeof(Sum), [&] {
          return std::vector<std::vector<Sum>>(static_cast<std::size_t>(slots),
                                               std::vector<Sum>(values));
        });
    parallel_for(jobs, slots, [&](std::int64_t job, int slot) {
      const std::int64_t part = job % parts, tile = job / parts % lines;
      std::int64_t line = job / parts / lines;
      Extents index = Extents::filled(outer.size(), 0);
      for (std::size_t axis = outer.size(); axis-- > 0; line /= outer[axis]) {
        index[axis] = line % outer[axis];
      }
      if (across_ != 0) index[lane_axis_] = tile * width_;
      const std::int64_t lanes =
          across_ == 0 ? 1 : std::min(width_, x_.shape[lane_axis_] - tile * width_);
      run_blocks(index, lanes, part * blocks / parts, (part + 1) * blocks / parts,
                 scratch[static_cast<std::size_t>(slot)].data());
    });
  }

 private:
  // Lines go side by side along the axis with the smallest steps; `across_` is 0 if there is none.
  void choose_lanes() {
    for (std::size_t axis = 0; axis < x_.shape.size(); ++axis) {
      if (axis == mean_.axis || x_.shape[axis] == 1) continue;
      const std::int64_t step = std::abs(y_.strides[axis]);
      if (across_ != 0 && step >= across_) continue;
      across_ = std::max<std::int64_t>(step, 1);
      lane_axis_ = axis;
    }
    constexpr std::int64_t cached_sums = 16384;
    width_ = across_ == 0 ? 1 : std::clamp<std::int64_t>(cached_sums / kept_, 8, 64);
  }

  // About 3 ns an element: two loads and additions, a division, a store.
  [[nodiscard]] double microseconds() const {
    return 3e-3 * static_cast<double>(element_count(x_.shape));
  }

  // One element of every lane of the extended line.
  void load_at(std::int64_t at, const std::byte* line, Lanes lanes, Sum* to) const {
    const std::int64_t index = extend_index(mean_.boundary, at, extent_);
    if (index == outside) {
      std::fill_n(to, lanes.count, Sum{0});
    } else {
      load_(line + index * x_step_, lanes, scale_, to);
    }
  }

  void run_blocks(const Extents& index, std::int64_t lanes, std::int64_t begin, std::int64_t end,
                  Sum* scratch) const {
    const auto* x = static_cast<const std::byte*>(x_.data) + offset_of(index, x_.strides) * x_size_;
    auto* y = static_cast<std::byte*>(y_.data) + offset_of(index, y_.strides) * y_size_;
    const Lanes in{lanes, x_.strides[lane_axis_]}, out{lanes, y_.strides[lane_axis_]};
    Sum* const values = scratch;
    Sum* const sums = scratch + width_;
    Sum* const suffixes = scratch + 3 * width_;
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t first = block * mean_.size;  // result; its window starts pad_lo before
      const std::int64_t count = std::min(mean_.size, extent_ - first);
      const std::int64_t start = first - mean_.pad_lo;
      std::fill_n(sums, lanes, Sum{0});
      for (std::int64_t j = mean_.size; j-- > 0;) {
        load_at(start + j, x, in, values);
        for (std::int64_t i = 0; i < lanes; ++i) sums[i] += values[i];
        if (j < count) std::copy_n(sums, lanes, suffixes + j * width_);
      }
      std::fill_n(sums, lanes, Sum{0});
      for (std::int64_t j = 0; j < count; ++j) {
        Sum* const suffix = suffixes + j * width_;
        for (std::int64_t i = 0; i < lanes; ++i) suffix[i] += sums[i];
        store_(suffix, out, division_, y + (first + j) * y_step_);
        if (j + 1 == count) break;
        load_at(start + mean_.size + j, x, in, values);
        for (std::int64_t i = 0; i < lanes; ++i) sums[i] += values[i];
      }
    }
  }

  const ConstTensorView& x_;
  const TensorView& y_;
  const WindowMean& mean_;
  std::int64_t extent_;
  std::int64_t x_size_ = static_cast<std::int64_t>(size_of(x_.dtype));
  std::int64_t y_size_ = static_cast<std::int64_t>(size_of(y_.dtype));
  std::int64_t x_step_ = x_.strides[mean_.axis] * x_size_;  // bytes along the line
  std::int64_t y_step_ = y_.strides[mean_.axis] * y_size_;
  Load<Sum> load_ = loader<Sum>(x_.dtype);
  Store<Sum> store_ = storer<Sum>(y_.dtype);
  Division division_;
  double scale_ = 1;
  std::int64_t kept_ = 1;    // suffix sums of a block that have a result
  std::int64_t width_ = 1;   // lanes of a tile
  std::int64_t across_ = 0;  // elements between lanes
  std::size_t lane_axis_ = 0;
};

// Complex elements as an axis of two real ones.
template <typename View>
View as_real(View view) {
  view.dtype = view.dtype == DType::c64 ? DType::f32 : DType::f64;
  for (std::int64_t& stride : view.strides) stride *= 2;
  view.shape.push_back(2);
  view.strides.push_back(1);
  return view;
}

// Whether sums of so many elements are whole numbers that f64 divides exactly, or floating.
bool sums_in_double(DType type, std::int64_t size) {
  if (!is_integer(type)) return true;
  const double largest = std::ldexp(1.0, static_cast<int>(8 * size_of(type)));
  return largest * static_cast<double>(size) < most_by_reciprocal;
}

}  // namespace

bool can_window_mean(const ConstTensorView& x, const TensorView& y) noexcept {
  if (is_complex(x.dtype) != is_complex(y.dtype)) return false;
  return !is_complex(x.dtype) || x.shape.size() < Extents::max_rank;
}

void window_mean(const ConstTensorView& x, const TensorView& y, const WindowMean& mean) {
  if (element_count(y.shape) == 0) return;
  if (is_complex(x.dtype)) {
    const ConstTensorView from = as_real(x);
    const TensorView to = as_real(y);
    Run<double>(from, to, mean)();
  } else if (sums_in_double(x.dtype, mean.size)) {
    Run<double>(x, y, mean)();
  } else {
    Run<WideSigned>(x, y, mean)();
  }
}

}  // namespace faltung
