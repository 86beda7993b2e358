#include "cpp/cpu/fft/non_finite.hpp"

#include <algorithm>

#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/finite.hpp"
#include "cpp/cpu/present_places.hpp"

namespace faltung::fft {
namespace {

bool is_set(std::uint8_t flag) { return flag != 0; }

}  // namespace

template <typename T>
NonFinite<T>::NonFinite(const Problem& problem, const BlockPlan& plan)
    : BlockPlaces(problem, plan),
      input_(p_, x_.spatial),
      load_w_(load_row<T>(p_.filter)),
      load_y_(load_row<T>(p_.output)) {}

template <typename T>
ClassSums NonFinite<T>::sums(std::int64_t block) const {
  const Place at = place(block);
  std::array<ClassSums::Grid, 3> grids;
  for (std::size_t t = 0; t < plan_.lengths.size(); ++t) {
    grids[ClassSums::x][t] = {0, 1, window(at, t)};
    grids[ClassSums::w][t] = {0, axis(t).dilation, axis(t).filter};
    grids[ClassSums::y][t] = {output_place(t, 0), axis(t).stride, at.outputs[t]};
  }
  return ClassSums(plan_.lengths, grids, undefined_sum<T>);
}

template <typename T>
ClassSums::Arrays NonFinite<T>::arrays(std::byte* memory) const {
  auto* bytes = reinterpret_cast<std::uint8_t*>(memory);
  return {{bytes, bytes + points_, bytes + 2 * points_}, bytes + 3 * points_};
}

template <typename T>
void NonFinite<T>::load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block,
                          Code* to) const {
  T values[piece];
  std::uint8_t something[piece];
  std::fill_n(to, points_, Code{0});
  const Place where = place(block);
  const std::int64_t offset = b * x_.outer + c * x_.channel;
  const std::int64_t first = where.first.back() * last_.stride + plan_.origin.back();
  const std::int64_t columns = window(where, slow_axes());
  const bool conjugates = p_.pass == Pass::backward_filter;
  const Shape rows = slow_shape([&](std::size_t t) { return window(where, t); });
  for_each_index(rows, [&](std::int64_t, const Extents& positions) {
    Code* row = to + row_start(positions);
    const RowPlace from = input_row(x_.spatial, where, positions);
    for (std::int64_t begin = 0; begin < columns; begin += piece) {
      const std::int64_t count = std::min(piece, columns - begin);
      input_.load(x, offset, from, first + begin, 1, count, values);
      mark_present(last_, from, first + begin, 1, count, something);
      for (std::int64_t i = 0; i < count; ++i) {
        const Code code = code_of(conjugates ? conjugate_value(values[i]) : values[i]);
        row[begin + i] = something[i] != 0 ? code : Code{0};
      }
    }
  });
}

template <typename T>
void NonFinite<T>::load_y(const void* y, std::int64_t b, std::int64_t k, std::int64_t block,
                          Code* to) const {
  T values[piece];
  std::fill_n(to, points_, Code{0});
  const Place where = place(block);
  const std::int64_t step = y_.spatial.back(), outputs = where.outputs.back();
  const Shape rows = slow_shape([&](std::size_t t) { return where.outputs[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    const std::int64_t from = output_offset(b, k, where, slow);
    Code* row = to + row_start(output_places(slow)) + output_place(slow_axes(), 0);
    for (std::int64_t begin = 0; begin < outputs; begin += piece) {
      const std::int64_t count = std::min(piece, outputs - begin);
      load_y_(y, from + begin * step, step, count, values, 1);
      for (std::int64_t i = 0; i < count; ++i) {
        row[(begin + i) * last_.stride] = code_of(values[i]);
      }
    }
  });
}

template <typename T>
void NonFinite<T>::load_w(const void* w, std::int64_t k, std::int64_t c, Code* to) const {
  T values[piece];
  std::fill_n(to, points_, Code{0});
  // The adjoint conjugates once more.
  const bool conjugates = p_.conjugate != (p_.pass == Pass::backward_data);
  const Shape rows = slow_shape([&](std::size_t t) { return axis(t).filter; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    Code* row = to + row_start(tap_places(slow));
    const std::int64_t from = tap_offset(k, c, slow);
    for (std::int64_t begin = 0; begin < last_.filter; begin += piece) {
      const std::int64_t count = std::min(piece, last_.filter - begin);
      load_w_(w, from + begin * tap_step(), tap_step(), count, values, 1);
      for (std::int64_t i = 0; i < count; ++i) {
        row[tap_place(last_, begin + i)] =
            code_of(conjugates ? conjugate_value(values[i]) : values[i]);
      }
    }
  });
}

template <typename T>
void NonFinite<T>::mark_outputs(const void* x, const Flag* flags, const Filters& filters,
                                std::int64_t b, std::int64_t block, std::int64_t k,
                                std::byte* memory, T* data) const {
  const std::int64_t inputs = p_.in_channels / p_.groups;
  const std::int64_t first = k / (p_.out_channels / p_.groups) * inputs;
  const Flag* filter_flags = filters.flags + k * inputs;
  const auto any = [&](const Flag* of) { return std::any_of(of, of + inputs, is_set); };
  if (!any(flags) && !any(filter_flags)) return;
  const ClassSums sums = this->sums(block);
  const ClassSums::Arrays arrays = this->arrays(memory);
  SumClass* result = arrays.of[ClassSums::y];
  std::fill_n(result, points_, SumClass{0});
  for (std::int64_t c = 0; c < inputs; ++c) {
    if (flags[c] == 0 && filter_flags[c] == 0) continue;
    load_x(x, b, first + c, block, arrays.of[ClassSums::x]);
    load_w(filters.w, k, c, arrays.of[ClassSums::w]);
    sums.add(ClassSums::y, arrays);
  }
  sums.for_each_place(ClassSums::y, [&](std::int64_t i) { put_class(result[i], data[i]); });
}

template <typename T>
void NonFinite<T>::mark_inputs(const void* dy, const Flag* flags, std::int64_t flags_step,
                               const Filters& filters, std::int64_t b, std::int64_t block,
                               std::int64_t g, std::int64_t c, std::byte* memory, T* data) const {
  const std::int64_t inputs = p_.in_channels / p_.groups;
  const std::int64_t outputs = p_.out_channels / p_.groups;
  const auto is_flagged = [&](std::int64_t i) {
    return flags[i * flags_step] != 0 || filters.flags[(g * outputs + i) * inputs + c] != 0;
  };
  std::int64_t i = 0;
  while (i < outputs && !is_flagged(i)) ++i;
  if (i == outputs) return;
  const ClassSums sums = this->sums(block);
  const ClassSums::Arrays arrays = this->arrays(memory);
  SumClass* result = arrays.of[ClassSums::x];
  std::fill_n(result, points_, SumClass{0});
  for (; i < outputs; ++i) {
    if (!is_flagged(i)) continue;
    const std::int64_t k = g * outputs + i;
    load_y(dy, b, k, block, arrays.of[ClassSums::y]);
    load_w(filters.w, k, c, arrays.of[ClassSums::w]);
    sums.add(ClassSums::x, arrays);
  }
  sums.for_each_place(ClassSums::x, [&](std::int64_t at) { put_class(result[at], data[at]); });
}

template <typename T>
void NonFinite<T>::collect_taps(const void* x, const void* dy, std::int64_t b, std::int64_t block,
                                std::int64_t k, std::int64_t c, std::byte* memory,
                                SumClass* result) const {
  const ClassSums sums = this->sums(block);
  const ClassSums::Arrays arrays = this->arrays(memory);
  load_x(x, b, c, block, arrays.of[ClassSums::x]);
  load_y(dy, b, k, block, arrays.of[ClassSums::y]);
  SumClass* taps = arrays.of[ClassSums::w];
  std::fill_n(taps, points_, SumClass{0});
  sums.add(ClassSums::w, arrays);
  sums.for_each_place(ClassSums::w, [&](std::int64_t i) {
    *result = static_cast<SumClass>(*result | taps[i]);
    ++result;
  });
}

template <typename T>
void NonFinite<T>::mark_taps(const SumClass* classes, T* data) const {
  sums(0).for_each_place(ClassSums::w, [&](std::int64_t i) { put_class(*classes++, data[i]); });
}

template <typename T>
void NonFinite<T>::clear(const Box& box, T* data) const {
  const Shape rows = slow_shape([&](std::size_t t) { return box.end[t] - box.begin[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    Extents places = slow;
    for (std::size_t t = 0; t < slow.size(); ++t) places[t] += box.begin[t];
    T* row = data + row_start(places);
    for (std::int64_t i = box.begin.back(); i < box.end.back(); ++i) {
      if (!faltung::is_finite(row[i])) row[i] = T(0);
    }
  });
}

template <typename T>
bool NonFinite<T>::is_finite(const Box& box, const T* data) const {
  Extents slow = Extents::filled(slow_axes(), 0);
  for (std::size_t t = 0; t < slow.size(); ++t) slow[t] = box.begin[t];
  return faltung::is_finite(data[row_start(slow) + box.begin.back()]);
}

template class NonFinite<float>;
template class NonFinite<double>;
template class NonFinite<std::complex<float>>;
template class NonFinite<std::complex<double>>;

}  // namespace faltung::fft
