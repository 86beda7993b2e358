#include "cpp/cpu/fft/fft_channels.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/cpu/fft/range_guard.hpp"
#include "cpp/cpu/filter_rows.hpp"

namespace faltung::fft {
namespace {

template <typename Value, typename Sum>
Sum finished(Value value) {
  if constexpr (std::is_integral_v<Sum> && std::is_floating_point_v<Value>) {
    return nearest_integer(value);  // exact: |error| < 1/2 is proved, and then |value| < 2^47
  } else {
    return value;
  }
}

// Only integers have digits, and their transforms are in double.
template <typename T>
void write_digits(const Digit& digit, const std::uint64_t* integers, std::int64_t count, T* to,
                  std::int64_t step) {
  if constexpr (std::is_same_v<T, double>) {
    for (std::int64_t i = 0; i < count; ++i) to[i * step] = digit(integers[i]);
  }
}

}  // namespace

template <typename T, typename Sum>
Channels<T, Sum>::Channels(const Problem& problem, const BlockPlan& plan)
    : BlockPlaces(problem, plan),
      input_(p_, x_.spatial),
      load_w_(load_row<T>(p_.filter)),
      load_y_(load_row<T>(p_.output)),
      input_integers_(p_, x_.spatial),
      load_w_integers_(load_row<std::uint64_t>(p_.filter)),
      load_y_integers_(load_row<std::uint64_t>(p_.output)),
      result_(p_) {
  const bool folds = p_.pass == Pass::backward_data;
  row_ = layout_.add<T>(last_.filter);
  sums_ = layout_.add<Sum>(std::max({folds ? last_.input : 0, last_.filter, plan_.tile.back()}));
  image_ = layout_.add<T>(folds ? image_values() : 0);
  integers_ = layout_.add<std::uint64_t>(
      std::is_integral_v<Sum> ? std::max({plan_.lengths.back(), last_.filter, plan_.tile.back()})
                              : 0);
}

template <typename T, typename Sum>
typename Channels<T, Sum>::Scratch Channels<T, Sum>::scratch(std::byte* memory) const {
  return {row_.at(memory), sums_.at(memory), image_.at(memory), integers_.at(memory)};
}

// The rows of a box, from end to end; all of a block of one axis.
template <typename T, typename Sum>
void Channels<T, Sum>::clear(const Box& box, T* data) const {
  const Shape rows = slow_shape([&](std::size_t t) { return box.end[t] - box.begin[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    Extents places = slow;
    for (std::size_t t = 0; t < slow.size(); ++t) places[t] += box.begin[t];
    std::fill_n(data + row_start(places), plan_.lengths.back(), T(0));
  });
}

template <typename T, typename Sum>
double Channels<T, Sum>::norm(const Transform<T>& transform, const Box& box, const T* data) const {
  const std::int64_t columns = box.end.back() - box.begin.back();
  const Shape rows = slow_shape([&](std::size_t t) { return box.end[t] - box.begin[t]; });
  const auto for_each_row = [&](auto&& f) {
    for_each_index(rows, [&](std::int64_t, const Extents& slow) {
      Extents places = slow;
      for (std::size_t t = 0; t < slow.size(); ++t) places[t] += box.begin[t];
      f(data + row_start(places) + box.begin.back());
    });
  };
  using R = Real<T>;
  const std::int64_t parts = is_complex_value<T> ? 2 * columns : columns;
  double squares = 0;
  for_each_row(
      [&](const T* row) { squares += transform.squares(reinterpret_cast<const R*>(row), parts); });
  const double lost = static_cast<double>(parts) * static_cast<double>(element_count(rows));
  if (const auto found = norm_of_squares<R>(squares, lost)) return *found;
  double norm = 0;
  for_each_row([&](const T* row) { norm = std::hypot(norm, norm_of(transform, row, columns)); });
  return norm;
}

// It holds all positions of a block side by side, as T. A block whose first positions are left out
// needs zeros after its last one: what comes next in the input would be wrapped around to outputs.
template <typename T, typename Sum>
const T* Channels<T, Sum>::find_x(const void* x, std::int64_t b, std::int64_t c,
                                  std::int64_t block) const {
  if constexpr (!std::is_same_v<T, Sum>) return nullptr;
  const bool plain = p_.input == dtype_of<T> && x_.spatial.back() == 1 &&
                     last_.input_dilation == 1 && slow_axes() == 0 && plan_.origin.back() == 0;
  if (!plain) return nullptr;
  const Place where = place(block);
  const std::int64_t start = where.first.back() * last_.stride - last_.pad_lo;
  const RowPlace row = input_row(x_.spatial, where, {});
  if (row.kind != RowPlace::Kind::elements || start < 0 || start + points_ > last_.input) {
    return nullptr;
  }
  return static_cast<const T*>(x) + b * x_.outer + c * x_.channel + row.offset + start;
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block,
                              T* to, const Scratch& scratch, const Digit& digit) const {
  const Place where = place(block);
  const std::int64_t offset = b * x_.outer + c * x_.channel;
  const std::int64_t first = where.first.back() * last_.stride + plan_.origin.back();
  const std::int64_t columns = window(where, slow_axes());
  const Shape rows = slow_shape([&](std::size_t t) { return window(where, t); });
  for_each_index(rows, [&](std::int64_t, const Extents& positions) {
    T* row = to + row_start(positions);
    const RowPlace from = input_row(x_.spatial, where, positions);
    if (digit.is_whole()) {
      input_.load(x, offset, from, first, 1, columns, row);
    } else {
      input_integers_.load(x, offset, from, first, 1, columns, scratch.integers);
      write_digits(digit, scratch.integers, columns, row, 1);
    }
    std::fill(row + columns, row + plan_.lengths.back(), T(0));
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_row_digit(LoadRow<std::uint64_t> load, const void* data,
                                      std::int64_t offset, std::int64_t step, std::int64_t count,
                                      T* to, std::int64_t to_step, const Scratch& scratch,
                                      const Digit& digit) const {
  load(data, offset, step, count, scratch.integers, 1);
  write_digits(digit, scratch.integers, count, to, to_step);
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_y(const void* y, std::int64_t b, std::int64_t k, std::int64_t block,
                              T* to, const Scratch& scratch, const Digit& digit) const {
  const Place where = place(block);
  clear(y_box(block), to);
  const Shape rows = slow_shape([&](std::size_t t) { return where.outputs[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    const std::int64_t from = output_offset(b, k, where, slow);
    T* row = to + row_start(output_places(slow)) + output_place(slow_axes(), 0);
    if (digit.is_whole()) {
      load_y_(y, from, y_.spatial.back(), where.outputs.back(), row, last_.stride);
    } else {
      load_row_digit(load_y_integers_, y, from, y_.spatial.back(), where.outputs.back(), row,
                     last_.stride, scratch, digit);
    }
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_w(const void* w, std::int64_t k, std::int64_t c, T* to,
                              const Scratch& scratch, const Digit& digit) const {
  clear(w_box(), to);
  const Shape rows = slow_shape([&](std::size_t t) { return axis(t).filter; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    T* row = to + row_start(tap_places(slow));
    const std::int64_t from = tap_offset(k, c, slow);
    if (digit.is_whole()) {
      load_w_(w, from, tap_step(), last_.filter, scratch.row, 1);
    } else {
      load_row_digit(load_w_integers_, w, from, tap_step(), last_.filter, scratch.row, 1, scratch,
                     digit);
    }
    for (std::int64_t r = 0; r < last_.filter; ++r) {
      const T tap = scratch.row[r];
      row[tap_place(last_, r)] = p_.conjugate ? conjugate_value(tap) : tap;
    }
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::add_up(std::int64_t count, const T* from, int shift, bool first,
                              std::uint64_t* totals) {
  if constexpr (std::is_integral_v<Sum>) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t term = finished<T, Sum>(from[i]) << shift;
      totals[i] = first ? term : totals[i] + term;
    }
  }
}

template <typename T, typename Sum>
void Channels<T, Sum>::add_up(const Box& box, const T* from, int shift, bool first,
                              std::uint64_t* totals) const {
  const Shape rows = slow_shape([&](std::size_t t) { return box.end[t] - box.begin[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    Extents places = slow;
    for (std::size_t t = 0; t < slow.size(); ++t) places[t] += box.begin[t];
    const std::int64_t start = row_start(places) + box.begin.back();
    add_up(box.end.back() - box.begin.back(), from + start, shift, first, totals + start);
  });
}

template <typename T, typename Sum>
template <typename Value>
void Channels<T, Sum>::store_y(const RunArguments& arguments, std::int64_t b, std::int64_t k,
                               std::int64_t block, const Value* from, const Scratch& scratch,
                               const SumGuard* guard) const {
  const Place where = place(block);
  const Shape rows = slow_shape([&](std::size_t t) { return where.outputs[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    const Value* row = from + row_start(output_places(slow)) + output_place(slow_axes(), 0);
    std::int64_t step = last_.stride;
    if constexpr (std::is_same_v<Sum, double> && std::is_same_v<Value, double>) {
      if (guard != nullptr) {
        for (std::int64_t i = 0; i < where.outputs.back(); ++i) scratch.sums[i] = row[i * step];
        guard->settle(b, k, original_output(where, slow),
                      static_cast<std::size_t>(plan_.order[plan_.order.size() - 1]), scratch.sums,
                      where.outputs.back());
        row = scratch.sums;
        step = 1;
      }
    }
    store_row(arguments, k, row, step, where.outputs.back(), output_offset(b, k, where, slow),
              y_.spatial.back(), scratch);
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::clear_x(const Scratch& scratch) const {
  std::fill_n(scratch.image, image_values(), T(0));
}

template <typename T, typename Sum>
void Channels<T, Sum>::fold_x(std::int64_t block, const T* from, const Scratch& scratch) const {
  const Place where = place(block);
  const Strides compact = compact_strides(input_extents(p_));
  const Shape rows = slow_shape([&](std::size_t t) { return window(where, t); });
  for_each_index(rows, [&](std::int64_t, const Extents& positions) {
    fold_row(last_, input_row(compact, where, positions), from + row_start(positions),
             plan_.origin.back(), 1, window(where, slow_axes()), scratch.image);
  });
}

template <typename T, typename Sum>
template <typename Value>
void Channels<T, Sum>::store_x(const RunArguments& arguments, std::int64_t b, std::int64_t c,
                               Value* image, const Scratch& scratch, const SumGuard* guard) const {
  const Shape extents = input_extents(p_);
  if constexpr (std::is_same_v<Sum, double> && std::is_same_v<Value, double>) {
    if (guard != nullptr) guard->settle_all(image, element_count(extents));
  }
  for_each_index(slow_extents(extents), [&](std::int64_t, const Extents& i) {
    store_row(arguments, c, image, 1, extents.back(),
              b * x_.outer + c * x_.channel + offset_of(i, x_.spatial), x_.spatial.back(), scratch);
    image += extents.back();
  });
}

template <typename T, typename Sum>
template <typename Value>
void Channels<T, Sum>::store_w(const RunArguments& arguments, std::int64_t k, std::int64_t c,
                               const Value* from, const Scratch& scratch,
                               const SumGuard* guard) const {
  const Shape rows = slow_shape([&](std::size_t t) { return axis(t).filter; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    const Value* row = from + row_start(tap_places(slow));
    for (std::int64_t r = 0; r < last_.filter; ++r) {
      const Sum tap = finished<Value, Sum>(row[tap_place(last_, r)]);
      scratch.sums[r] = p_.conjugate ? conjugate_value(tap) : tap;
    }
    if constexpr (std::is_same_v<Sum, double>) {
      if (guard != nullptr) guard->settle_all(scratch.sums, last_.filter);
    }
    result_.store(arguments, k, scratch.sums, last_.filter, tap_offset(k, c, slow), tap_step());
  });
}

template <typename T, typename Sum>
template <typename Value>
void Channels<T, Sum>::store_row(const RunArguments& arguments, std::int64_t channel,
                                 const Value* values, std::int64_t values_step, std::int64_t count,
                                 std::int64_t first, std::int64_t step,
                                 const Scratch& scratch) const {
  if constexpr (std::is_same_v<Value, Sum>) {
    if (values_step == 1) {
      result_.store(arguments, channel, values, count, first, step);
      return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i)
    scratch.sums[i] = finished<Value, Sum>(values[i * values_step]);
  result_.store(arguments, channel, scratch.sums, count, first, step);
}

#define FALTUNG_INSTANTIATE_STORES(T, Sum, Value)                                                  \
  template void Channels<T, Sum>::store_y(const RunArguments&, std::int64_t, std::int64_t,         \
                                          std::int64_t, const Value*, const Scratch&,              \
                                          const SumGuard*) const;                                  \
  template void Channels<T, Sum>::store_x(const RunArguments&, std::int64_t, std::int64_t, Value*, \
                                          const Scratch&, const SumGuard*) const;                  \
  template void Channels<T, Sum>::store_w(const RunArguments&, std::int64_t, std::int64_t,         \
                                          const Value*, const Scratch&, const SumGuard*) const;
#define FALTUNG_INSTANTIATE(T, Sum) \
  template class Channels<T, Sum>;  \
  FALTUNG_INSTANTIATE_STORES(T, Sum, T)
FALTUNG_INSTANTIATE(float, float)
FALTUNG_INSTANTIATE(double, double)
FALTUNG_INSTANTIATE(std::complex<float>, std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>, std::complex<double>)
FALTUNG_INSTANTIATE(double, std::uint64_t)
FALTUNG_INSTANTIATE_STORES(double, std::uint64_t, std::uint64_t)
#undef FALTUNG_INSTANTIATE
#undef FALTUNG_INSTANTIATE_STORES

}  // namespace faltung::fft
