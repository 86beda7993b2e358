#include "cpp/cpu/fft/non_finite.hpp"

#include <algorithm>
#include <bit>

#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/finite.hpp"
#include "cpp/cpu/present_places.hpp"

namespace faltung::fft {
namespace {

bool is_set(std::uint8_t flag) { return flag != 0; }

template <typename T>
void write_codes(const T* __restrict values, std::int64_t count, Code* __restrict to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = code_of(values[i]);
}

// All bits if the number is not finite, else none.
template <typename R>
NumberBits<R> excess(R value) {
  const auto bits = std::bit_cast<NumberBits<R>>(value);
  return (bits & exponent_bits<R>) == exponent_bits<R> ? ~NumberBits<R>{0} : NumberBits<R>{0};
}
template <typename R>
R without(R value, NumberBits<R> bits) {
  return std::bit_cast<R>(std::bit_cast<NumberBits<R>>(value) & ~bits);
}

// Sets a number to 0 if it is not finite, and says so.
template <typename R>
NumberBits<R> clear_number(R& value) {
  const NumberBits<R> bits = excess(value);
  value = without(value, bits);
  return bits;
}
template <typename R>
NumberBits<R> clear_number(std::complex<R>& value) {
  const NumberBits<R> bits = excess(value.real()) | excess(value.imag());
  value = {without(value.real(), bits), without(value.imag(), bits)};
  return bits;
}

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
  return {{bytes, bytes + points_, bytes + 2 * points_}};
}

template <typename T>
void NonFinite<T>::load_x(const void* x, std::int64_t b, std::int64_t c, std::int64_t block,
                          bool marks, Code* to) const {
  T values[piece];
  std::uint8_t something[piece];
  std::fill_n(to, points_, Code{0});
  const Place where = place(block);
  const std::int64_t offset = b * x_.outer + c * x_.channel;
  const std::int64_t first = where.first.back() * last_.stride + plan_.origin.back();
  const std::int64_t columns = window(where, slow_axes());
  const bool conjugates = is_complex_value<T> && p_.pass == Pass::backward_filter;
  const Shape rows = slow_shape([&](std::size_t t) { return window(where, t); });
  for_each_index(rows, [&](std::int64_t, const Extents& positions) {
    Code* row = to + row_start(positions);
    const RowPlace from = input_row(x_.spatial, where, positions);
    for (std::int64_t begin = 0; begin < columns; begin += piece) {
      const std::int64_t count = std::min(piece, columns - begin);
      input_.load(x, offset, from, first + begin, 1, count, values);
      if (conjugates) std::transform(values, values + count, values, conjugate_value<T>);
      write_codes(values, count, row + begin);
      if (!marks) continue;
      mark_present(last_, from, first + begin, 1, count, something);
      for (std::int64_t i = 0; i < count; ++i) {
        row[begin + i] = something[i] != 0 ? row[begin + i] : Code{0};
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
      if (last_.stride == 1) {
        write_codes(values, count, row + begin);
        continue;
      }
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
void NonFinite<T>::reach_outputs(const void* x, const Flag* flags, std::int64_t b,
                                 std::int64_t block, std::int64_t g, std::byte* memory,
                                 std::uint8_t* reach) const {
  const std::int64_t inputs = p_.in_channels / p_.groups;
  if (std::none_of(flags, flags + inputs, is_set)) return;
  const ClassSums sums = this->sums(block);
  Code* codes = arrays(memory).of[ClassSums::x];
  std::fill_n(reach, points_, std::uint8_t{0});
  for (std::int64_t c = 0; c < inputs; ++c) {
    if (!is_set(flags[c])) continue;
    load_x(x, b, g * inputs + c, block, false, codes);
    sums.note(codes, reach);
  }
  sums.spread(ClassSums::x, reach);
}

template <typename T>
void NonFinite<T>::reach_inputs(const void* dy, const Flag* flags, std::int64_t flags_step,
                                std::int64_t b, std::int64_t block, std::int64_t g,
                                std::byte* memory, std::uint8_t* reach) const {
  const std::int64_t outputs = p_.out_channels / p_.groups;
  const ClassSums sums = this->sums(block);
  Code* codes = arrays(memory).of[ClassSums::y];
  bool any = false;
  for (std::int64_t k = 0; k < outputs; ++k) {
    if (!is_set(flags[k * flags_step])) continue;
    if (!any) std::fill_n(reach, points_, std::uint8_t{0});
    any = true;
    load_y(dy, b, g * outputs + k, block, codes);
    sums.note(codes, reach);
  }
  if (any) sums.spread(ClassSums::y, reach);
}

template <typename T>
template <typename Pairs>
void NonFinite<T>::mark(ClassSums::Operand result, std::int64_t block, const std::uint8_t* reach,
                        const Pairs& pairs, std::byte* memory, T* data) const {
  bool bad_data = false, bad_taps = false;
  for (std::int64_t i = 0; i < pairs.count; ++i) {
    bad_data = bad_data || is_set(pairs.data_flag(i));
    bad_taps = bad_taps || is_set(pairs.tap_flag(i));
  }
  if (!bad_data && !bad_taps) return;
  const ClassSums::Operand of_data = result == ClassSums::y ? ClassSums::x : ClassSums::y;
  const ClassSums sums = this->sums(block);
  ClassSums::Arrays arrays = this->arrays(memory);
  std::uint8_t* classes = arrays.of[result];
  if (bad_data) {
    arrays.reach = reach;
    sums.begin(result, arrays);
  } else {
    std::fill_n(classes, points_, SumClass{0});
  }
  bool open = bad_data && sums.is_open(result, arrays);
  if (open && !bad_taps) {
    int sign = 0;
    for (std::int64_t i = 0; i < pairs.count; ++i) {
      if (!is_set(pairs.data_flag(i))) continue;
      pairs.load_taps(i, arrays.of[ClassSums::w]);
      const int own = sums.sign_of_taps(arrays);
      if (own == 0 || own == -sign) {
        sign = 0;
        break;
      }
      sign = own;
    }
    if (sign != 0) sums.add_one_sign(result, sign, arrays);
    open = sign == 0;
  }
  for (std::int64_t i = 0; i < pairs.count; ++i) {
    const bool wanted = is_set(pairs.tap_flag(i)) || (open && is_set(pairs.data_flag(i)));
    if (!wanted) continue;
    pairs.load_data(i, arrays.of[of_data]);
    pairs.load_taps(i, arrays.of[ClassSums::w]);
    sums.add(result, arrays);
    open = open && sums.is_open(result, arrays);
  }
  sums.for_each_place(result, [&](std::int64_t i) { put_class(classes[i], data[i]); });
}

template <typename T>
void NonFinite<T>::mark_outputs(const void* x, const Flag* flags, const std::uint8_t* reach,
                                const Filters& filters, std::int64_t b, std::int64_t block,
                                std::int64_t k, std::byte* memory, T* data) const {
  struct Pairs {
    const NonFinite& all;
    const void* x;
    const Flag* flags;
    const Filters& filters;
    std::int64_t b, block, k, count, first;
    Flag data_flag(std::int64_t c) const { return flags[c]; }
    Flag tap_flag(std::int64_t c) const { return filters.flags[k * count + c]; }
    void load_data(std::int64_t c, Code* to) const {
      all.load_x(x, b, first + c, block, is_set(tap_flag(c)), to);
    }
    void load_taps(std::int64_t c, Code* to) const { all.load_w(filters.w, k, c, to); }
  };
  const std::int64_t inputs = p_.in_channels / p_.groups;
  const std::int64_t g = k / (p_.out_channels / p_.groups);
  mark(ClassSums::y, block, reach, Pairs{*this, x, flags, filters, b, block, k, inputs, g * inputs},
       memory, data);
}

template <typename T>
void NonFinite<T>::mark_inputs(const void* dy, const Flag* flags, std::int64_t flags_step,
                               const std::uint8_t* reach, const Filters& filters, std::int64_t b,
                               std::int64_t block, std::int64_t g, std::int64_t c,
                               std::byte* memory, T* data) const {
  struct Pairs {
    const NonFinite& all;
    const void* dy;
    const Flag* flags;
    std::int64_t flags_step;
    const Filters& filters;
    std::int64_t b, block, c, count, first, inputs;
    Flag data_flag(std::int64_t k) const { return flags[k * flags_step]; }
    Flag tap_flag(std::int64_t k) const { return filters.flags[(first + k) * inputs + c]; }
    void load_data(std::int64_t k, Code* to) const { all.load_y(dy, b, first + k, block, to); }
    void load_taps(std::int64_t k, Code* to) const { all.load_w(filters.w, first + k, c, to); }
  };
  const std::int64_t outputs = p_.out_channels / p_.groups;
  mark(ClassSums::x, block, reach,
       Pairs{*this, dy, flags, flags_step, filters, b, block, c, outputs, g * outputs,
             p_.in_channels / p_.groups},
       memory, data);
}

template <typename T>
void NonFinite<T>::collect_taps(const void* x, const void* dy, std::int64_t b, std::int64_t block,
                                std::int64_t k, std::int64_t c, std::byte* memory,
                                SumClass* result) const {
  const ClassSums sums = this->sums(block);
  const ClassSums::Arrays arrays = this->arrays(memory);
  const auto is_undefined = [](SumClass sum) { return sum == undefined_sum<T>; };
  if (std::all_of(result, result + element_count(filter_extents(p_)), is_undefined)) return;
  load_x(x, b, c, block, true, arrays.of[ClassSums::x]);
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
bool NonFinite<T>::clear(const Box& box, T* data) const {
  NumberBits<Real<T>> found = 0;
  const Shape rows = slow_shape([&](std::size_t t) { return box.end[t] - box.begin[t]; });
  for_each_index(rows, [&](std::int64_t, const Extents& slow) {
    Extents places = slow;
    for (std::size_t t = 0; t < slow.size(); ++t) places[t] += box.begin[t];
    T* row = data + row_start(places);
    for (std::int64_t i = box.begin.back(); i < box.end.back(); ++i) {
      found |= clear_number(row[i]);
    }
  });
  return found != 0;
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
