#include "cpp/cpu/mean/means.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cpp/core/element.hpp"

namespace faltung::mean {
namespace {

constexpr std::int64_t alignment = 64;

constexpr std::int64_t aligned(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

template <typename T>
constexpr auto bytes_of = static_cast<std::int64_t>(sizeof(T));

// At the beginning of the scratch stands the base of every lane, then a row for its summands.
template <typename Sum>
std::int64_t base_bytes(const Rows& shape) {
  return aligned(2 * shape.pitch * bytes_of<Sum>);
}

template <typename Sum>
void zero_base(const Rows& shape, std::byte* scratch) {
  std::fill_n(reinterpret_cast<Sum*>(scratch), shape.pitch, Sum{0});
}

// Calls value(row, lane) for the elements that are summed.
template <typename Sum, typename Value>
void add_rows(const Rows& shape, std::int64_t count, std::int64_t times, std::byte* scratch,
              Value&& value) {
  Sum* const base = reinterpret_cast<Sum*>(scratch);
  Sum* const sums = base + shape.pitch;
  std::fill_n(sums, shape.lanes, Sum{0});
  for (std::int64_t j = 0; j < count; ++j) {
    for (std::int64_t l = 0; l < shape.lanes; ++l) sums[l] += static_cast<Sum>(value(j, l));
  }
  for (std::int64_t l = 0; l < shape.lanes; ++l) base[l] += static_cast<Sum>(times) * sums[l];
}

std::int64_t suffix_bytes(const Rows& shape) {
  constexpr std::int64_t columns = 4 * 8;  // vectors of 64 bytes, the longest
  return columns * std::min(shape.size, shape.results) * bytes_of<double>;
}

// Floating data with results of its own type.
template <typename T>
class BlockMean final : public Means {
 public:
  // Sums of f64 could overflow where their mean does not.
  explicit BlockMean(std::int64_t size)
      : scale_(std::is_same_v<T, double> ? 1 / static_cast<double>(size) : 1),
        factor_(std::is_same_v<T, double> ? 1 : 1 / static_cast<double>(size)) {}

  std::int64_t scratch_bytes(const Rows& shape) const override {
    return base_bytes<double>(shape) + suffix_bytes(shape);
  }
  void clear_base(const Rows& shape, std::byte* scratch) const override {
    zero_base<double>(shape, scratch);
  }
  void add_to_base(const Rows& shape, const std::byte* panel, std::int64_t count,
                   std::int64_t times, std::byte* scratch) const override {
    const T* const rows = reinterpret_cast<const T*>(panel);
    add_rows<double>(shape, count, times, scratch, [&](std::int64_t j, std::int64_t l) {
      return static_cast<double>(rows[j * shape.pitch + l]) * scale_;
    });
  }
  void run(const Rows& shape, const std::byte* panel, std::byte* scratch, std::byte* to,
           std::int64_t to_pitch) const override {
    kernel_(shape, {reinterpret_cast<const double*>(scratch), scale_, factor_},
            reinterpret_cast<const T*>(panel),
            reinterpret_cast<double*>(scratch + base_bytes<double>(shape)),
            reinterpret_cast<T*>(to), to_pitch / bytes_of<T>);
  }

 private:
  double scale_, factor_;
  BlockMeans<T> kernel_ = block_means<T>();
};

// Integers of up to 32 bits, with results of their own type.
template <typename T>
class MovingMean final : public Means {
 public:
  MovingMean(std::int64_t size, StoreRule store)
      : sums_{nullptr, static_cast<std::int32_t>(size), division_by(size, false, store).reciprocal,
              store.rounding == Rounding::nearest_even} {}

  std::int64_t scratch_bytes(const Rows& shape) const override { return base_bytes<Sum>(shape); }
  void clear_base(const Rows& shape, std::byte* scratch) const override {
    zero_base<Sum>(shape, scratch);
  }
  void add_to_base(const Rows& shape, const std::byte* panel, std::int64_t count,
                   std::int64_t times, std::byte* scratch) const override {
    const T* const rows = reinterpret_cast<const T*>(panel);
    add_rows<Sum>(shape, count, times, scratch,
                  [&](std::int64_t j, std::int64_t l) { return rows[j * shape.pitch + l]; });
  }
  void run(const Rows& shape, const std::byte* panel, std::byte* scratch, std::byte* to,
           std::int64_t to_pitch) const override {
    MovingSums<T> sums = sums_;
    sums.base = reinterpret_cast<const Sum*>(scratch);
    kernel_(shape, sums, reinterpret_cast<const T*>(panel), reinterpret_cast<T*>(to),
            to_pitch / bytes_of<T>);
  }

 private:
  using Sum = MovingSum<T>;
  MovingSums<T> sums_;
  MovingMeans<T> kernel_ = moving_means<T>();
};

template <typename Sum>
using LoadRow = void (*)(const std::byte* from, std::int64_t count, Sum* to);
template <typename Sum>
using StoreRow = void (*)(const Sum* sums, std::int64_t count, const Division& division,
                          std::byte* to);

template <typename Sum, typename T>
void load_row(const std::byte* from, std::int64_t count, Sum* to) {
  const T* const values = reinterpret_cast<const T*>(from);
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<Sum>(values[i]);
}

template <typename Sum, typename T>
void store_row(const Sum* sums, std::int64_t count, const Division& division, std::byte* to) {
  T* const values = reinterpret_cast<T*>(to);
  for (std::int64_t i = 0; i < count; ++i) values[i] = mean_of<T>(sums[i], division);
}

template <typename Sum>
LoadRow<Sum> loader(DType type) {
  return visit_dtype(type, [](auto element) -> LoadRow<Sum> {
    using T = decltype(element);
    if constexpr (!is_complex(dtype_of<T>) &&
                  (std::is_same_v<Sum, double> || is_integer(dtype_of<T>))) {
      return load_row<Sum, T>;
    }
    return nullptr;
  });
}

template <typename Sum>
StoreRow<Sum> storer(DType type) {
  return visit_dtype(type, [](auto element) -> StoreRow<Sum> {
    using T = decltype(element);
    if constexpr (!is_complex(dtype_of<T>)) return store_row<Sum, T>;
    return nullptr;
  });
}

// Floating data with results of another type, and integers with floating ones: the elements become
// sums of one element, sums become results.
class ConvertedMean final : public Means {
 public:
  ConvertedMean(DType x, DType y, std::int64_t size, StoreRule store)
      : division_(division_by(size, x == DType::f64 && !is_integer(y), store)),
        scale_(division_.scaled ? 1 / division_.size : 1),
        load_(loader<double>(x)),
        store_(storer<double>(y)) {}

  std::int64_t scratch_bytes(const Rows& shape) const override {
    return rows_at(shape) +
           aligned((shape.results + shape.size - 1) * shape.pitch * bytes_of<double>);
  }
  void clear_base(const Rows& shape, std::byte* scratch) const override {
    zero_base<double>(shape, scratch);
  }
  void add_to_base(const Rows& shape, const std::byte* panel, std::int64_t count,
                   std::int64_t times, std::byte* scratch) const override {
    const double* const rows = load_rows(shape, panel, count, scratch);
    add_rows<double>(shape, count, times, scratch, [&](std::int64_t j, std::int64_t l) {
      return rows[j * shape.pitch + l] * scale_;
    });
  }
  void run(const Rows& shape, const std::byte* panel, std::byte* scratch, std::byte* to,
           std::int64_t to_pitch) const override {
    double* const rows = load_rows(shape, panel, shape.results + shape.size - 1, scratch);
    kernel_(shape, {reinterpret_cast<const double*>(scratch), scale_, 1}, rows,
            reinterpret_cast<double*>(scratch + base_bytes<double>(shape)), rows, shape.pitch);
    for (std::int64_t j = 0; j < shape.results; ++j) {
      store_(rows + j * shape.pitch, shape.lanes, division_, to + j * to_pitch);
    }
  }

 private:
  [[nodiscard]] static std::int64_t rows_at(const Rows& shape) {
    return base_bytes<double>(shape) + suffix_bytes(shape);
  }
  double* load_rows(const Rows& shape, const std::byte* panel, std::int64_t count,
                    std::byte* scratch) const {
    auto* const rows = reinterpret_cast<double*>(scratch + rows_at(shape));
    load_(panel, count * shape.pitch, rows);
    return rows;
  }

  Division division_;
  double scale_;
  LoadRow<double> load_;
  StoreRow<double> store_;
  BlockMeans<double> kernel_ = block_means<double>();
};

// Integers whose sums f64 does not hold.
class WideMean final : public Means {
 public:
  WideMean(DType x, DType y, std::int64_t size, StoreRule store)
      : division_(division_by(size, false, store)),
        x_bytes_(static_cast<std::int64_t>(size_of(x))),
        load_(loader<WideSigned>(x)),
        store_(storer<WideSigned>(y)) {}

  // Beside the base and its summands: what enters the window, and what leaves it.
  std::int64_t scratch_bytes(const Rows& shape) const override {
    return 2 * base_bytes<WideSigned>(shape);
  }
  void clear_base(const Rows& shape, std::byte* scratch) const override {
    zero_base<WideSigned>(shape, scratch);
  }
  void add_to_base(const Rows& shape, const std::byte* panel, std::int64_t count,
                   std::int64_t times, std::byte* scratch) const override {
    auto* const base = reinterpret_cast<WideSigned*>(scratch);
    WideSigned* const enters = base + 2 * shape.pitch;
    for (std::int64_t j = 0; j < count; ++j) {
      load_(panel + j * shape.pitch * x_bytes_, shape.lanes, enters);
      for (std::int64_t l = 0; l < shape.lanes; ++l) base[l] += times * enters[l];
    }
  }
  void run(const Rows& shape, const std::byte* panel, std::byte* scratch, std::byte* to,
           std::int64_t to_pitch) const override {
    auto* const base = reinterpret_cast<WideSigned*>(scratch);
    WideSigned* const sums = base + shape.pitch;
    WideSigned* const enters = sums + shape.pitch;
    WideSigned* const leaves = enters + shape.pitch;
    const auto load = [&](std::int64_t j, WideSigned* row) {
      load_(panel + j * shape.pitch * x_bytes_, shape.lanes, row);
    };
    std::copy_n(base, shape.lanes, sums);
    for (std::int64_t j = 0; j < shape.size; ++j) {
      load(j, enters);
      for (std::int64_t l = 0; l < shape.lanes; ++l) sums[l] += enters[l];
    }
    for (std::int64_t j = 0;; ++j) {
      load(j, leaves);
      store_(sums, shape.lanes, division_, to + j * to_pitch);
      if (j + 1 == shape.results) break;
      load(j + shape.size, enters);
      for (std::int64_t l = 0; l < shape.lanes; ++l) sums[l] += enters[l] - leaves[l];
    }
  }

 private:
  Division division_;
  std::int64_t x_bytes_;
  LoadRow<WideSigned> load_;
  StoreRow<WideSigned> store_;
};

// Whether sums of so many elements are whole numbers that f64 divides exactly, or floating.
bool sums_in_double(DType type, std::int64_t size) {
  if (!is_integer(type)) return true;
  const double largest = std::ldexp(1.0, static_cast<int>(8 * size_of(type)));
  return largest * static_cast<double>(size) < max_by_reciprocal;
}

}  // namespace

std::unique_ptr<const Means> make_means(DType x, DType y, std::int64_t size, StoreRule store) {
  if (x == y) {
    auto own = visit_dtype(x, [&](auto element) -> std::unique_ptr<const Means> {
      using T = decltype(element);
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        return std::make_unique<BlockMean<T>>(size);
      } else if constexpr (is_integer(dtype_of<T>) && sizeof(T) <= 4) {
        if (can_move<T>(size)) return std::make_unique<MovingMean<T>>(size, store);
      }
      return nullptr;
    });
    if (own != nullptr) return own;
  }
  if (sums_in_double(x, size)) return std::make_unique<ConvertedMean>(x, y, size, store);
  return std::make_unique<WideMean>(x, y, size, store);
}

}  // namespace faltung::mean
