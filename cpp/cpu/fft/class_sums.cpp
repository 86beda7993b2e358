#include "cpp/cpu/fft/class_sums.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cpp/core/extended_axis.hpp"

namespace faltung::fft {
namespace {

// bytes[i] |= bytes[i - shift], as they are before the call, eight at a time.
void or_from_below(std::uint8_t* bytes, std::int64_t count, std::int64_t shift) {
  std::int64_t end = count;
  for (; end - 8 >= shift; end -= 8) {
    std::uint64_t to = 0, from = 0;
    std::memcpy(&to, bytes + end - 8, 8);
    std::memcpy(&from, bytes + end - 8 - shift, 8);
    to |= from;
    std::memcpy(bytes + end - 8, &to, 8);
  }
  while (end > shift) {
    --end;
    bytes[end] = static_cast<std::uint8_t>(bytes[end] | bytes[end - shift]);
  }
}

// bytes[i] |= bytes[i + shift], as they are before the call.
void or_from_above(std::uint8_t* bytes, std::int64_t count, std::int64_t shift) {
  const std::int64_t end = count - shift;
  std::int64_t i = 0;
  for (; i + 8 <= end; i += 8) {
    std::uint64_t to = 0, from = 0;
    std::memcpy(&to, bytes + i, 8);
    std::memcpy(&from, bytes + i + shift, 8);
    to |= from;
    std::memcpy(bytes + i, &to, 8);
  }
  for (; i < end; ++i) bytes[i] = static_cast<std::uint8_t>(bytes[i] | bytes[i + shift]);
}

// What a number brings to sums that it reaches: 1 and 2 an infinity by its sign, 4 NaN. Complex
// infinities have no sign of their own.
std::uint8_t reaching(Code code) {
  const unsigned re = code & 7, im = code >> 3 & 7;
  if (re == 4 || im == 4) return 4;
  return static_cast<std::uint8_t>((re >= 4 ? re & 3 : 0) | (im >= 4 ? im & 3 : 0));
}

}  // namespace

ClassSums::ClassSums(const Shape& lengths, const std::array<Grid, 3>& grids, SumClass undefined)
    : rank_(lengths.size()), grids_(grids), undefined_(undefined) {
  for (std::size_t a = rank_; a-- > 0; points_ *= lengths[a]) {
    lengths_[a] = lengths[a];
    strides_[a] = points_;
  }
}

ClassSums::Pairs ClassSums::pairs_of(Operand fixed) {
  switch (fixed) {
    case y:
      return {y, w, x};
    case w:
      return {w, y, x};
    case x:
      break;
  }
  return {x, w, y};
}

std::int64_t ClassSums::count(Operand operand) const {
  std::int64_t count = 1;
  for (std::size_t a = 0; a < rank_; ++a) count *= grids_[operand][a].count;
  return count;
}

// The places of the free operand whose partners exist: with the fixed place f and a free one u, the
// partner is at f - u, u - f or f + u.
ClassSums::Run ClassSums::run(const Pairs& pairs, std::size_t axis, std::int64_t place) const {
  const Places& free = grids_[pairs.free][axis];
  const Places& partner = grids_[pairs.partner][axis];
  const std::int64_t by_free = pairs.fixed == y ? -1 : 1;
  const std::int64_t by_fixed = pairs.fixed == w ? -1 : 1;
  // Where partner i is, counted from the partner's first place.
  const std::int64_t begin = by_fixed * place + by_free * free.first - partner.first;
  const std::int64_t step = by_free * free.step;
  const std::int64_t period = partner.step / std::gcd(partner.step, free.step);
  std::int64_t phase = 0;
  while (phase < period && (begin + phase * step) % partner.step != 0) ++phase;
  if (phase == period) return {};
  const std::int64_t reach = (partner.count - 1) * partner.step;
  const std::int64_t low = step > 0 ? ceil_divide(-begin, step) : ceil_divide(begin - reach, -step);
  const std::int64_t above =
      step > 0 ? ceil_divide(reach - begin + 1, step) : ceil_divide(begin + 1, -step);
  const std::int64_t i =
      phase + ceil_divide(std::max<std::int64_t>(low - phase, 0), period) * period;
  const std::int64_t end = std::min(above, free.count);
  if (i >= end) return {};
  const std::int64_t stride = strides_[axis];
  return {.count = ceil_divide(end - i, period),
          .free = (free.first + i * free.step) * stride,
          .free_step = period * free.step * stride,
          .partner = (partner.first + begin + i * step) * stride,
          .partner_step = period * step * stride};
}

// Calls f(free, partner) for all that belong to the place at `offset`, until it returns true.
template <typename F>
void ClassSums::for_each_pair(const Pairs& pairs, std::int64_t offset, F&& f) const {
  std::array<Run, 6> runs;
  for (std::size_t a = 0; a < rank_; ++a) {
    runs[a] = run(pairs, a, offset / strides_[a] % lengths_[a]);
    if (runs[a].count == 0) return;
  }
  const Run& last = runs[rank_ - 1];
  std::array<std::int64_t, 6> index{};
  while (true) {
    std::int64_t free = last.free, partner = last.partner;
    for (std::size_t a = 0; a + 1 < rank_; ++a) {
      free += runs[a].free + index[a] * runs[a].free_step;
      partner += runs[a].partner + index[a] * runs[a].partner_step;
    }
    for (std::int64_t i = 0; i < last.count; ++i) {
      if (f(free + i * last.free_step, partner + i * last.partner_step)) return;
    }
    std::size_t a = rank_ - 1;
    while (a > 0 && ++index[a - 1] == runs[a - 1].count) index[--a] = 0;
    if (a == 0) return;
  }
}

std::int64_t ClassSums::count_of(Operand operand, Kind wanted, const Arrays& arrays) const {
  const std::uint8_t* codes = arrays.of[operand];
  std::int64_t count = 0;
  for_each_place(operand, [&](std::int64_t i) { count += wanted(codes[i]) ? 1 : 0; });
  return count;
}

// 1 or -1 if all taps are finite numbers of that sign, else 0.
int ClassSums::sign_of_taps(const Arrays& arrays) const {
  if (undefined_ != undefined_sum<float>) return 0;
  unsigned all = 3, any = 0;
  for_each_place(w, [&](std::int64_t i) {
    all &= arrays.of[w][i];
    any |= arrays.of[w][i];
  });
  if ((any & code_not_finite) != 0) return 0;
  return all == 1 ? 1 : all == 2 ? -1 : 0;
}

// All products with the numbers of one factor that are wanted.
void ClassSums::scatter(Operand factor, Kind wanted, Operand result, const Arrays& arrays) const {
  const Pairs pairs = pairs_of(factor);
  const bool free_is_result = pairs.free == result;
  const std::uint8_t* other = arrays.of[free_is_result ? pairs.partner : pairs.free];
  std::uint8_t* to = arrays.of[result];
  for_each_place(factor, [&](std::int64_t offset) {
    const Code code = arrays.of[factor][offset];
    if (!wanted(code)) return;
    for_each_pair(pairs, offset, [&](std::int64_t free, std::int64_t partner) {
      const std::int64_t target = free_is_result ? free : partner;
      const std::int64_t from = free_is_result ? partner : free;
      to[target] = static_cast<SumClass>(to[target] | product_class(code, other[from]));
      return false;
    });
  });
}

// All products of one sum, as long as they change it.
void ClassSums::gather(Operand result, std::int64_t offset, const Arrays& arrays) const {
  const Pairs pairs = pairs_of(result);
  const std::uint8_t* free_codes = arrays.of[pairs.free];
  const std::uint8_t* partner_codes = arrays.of[pairs.partner];
  SumClass sum = arrays.of[result][offset];
  for_each_pair(pairs, offset, [&](std::int64_t free, std::int64_t partner) {
    sum = static_cast<SumClass>(sum | product_class(free_codes[free], partner_codes[partner]));
    return (sum & undefined_) == undefined_;
  });
  arrays.of[result][offset] = sum;
}

void ClassSums::gather_all(Operand result, const Arrays& arrays) const {
  for_each_place(result, [&](std::int64_t offset) { gather(result, offset, arrays); });
}

// What of the data reaches each place of the result through any tap. Each turn doubles the taps
// that are looked through.
void ClassSums::reach(Operand data, const Arrays& arrays) const {
  std::array<std::uint8_t, 128> table;
  for (unsigned code = 0; code < 128; ++code) {
    table[code] = (code & code_not_finite) != 0 ? reaching(static_cast<Code>(code)) : 0;
  }
  for (std::int64_t i = 0; i < points_; ++i) arrays.reach[i] = table[arrays.of[data][i]];
  for (std::size_t a = 0; a < rank_; ++a) {
    const Places& taps = grids_[w][a];
    const std::int64_t panel = lengths_[a] * strides_[a];
    for (std::int64_t start = 0; start < points_; start += panel) {
      for (std::int64_t done = 1; done < taps.count;) {
        const std::int64_t next = std::min(done, taps.count - done);
        const std::int64_t shift = next * taps.step * strides_[a];
        if (data == x) {
          or_from_below(arrays.reach + start, panel, shift);
        } else {
          or_from_above(arrays.reach + start, panel, shift);
        }
        done += next;
      }
    }
  }
}

// The same as `scatter`, for data of which much is not finite. Sums that NaN reaches, or nothing,
// need no products, nor do those of taps of one sign. Others, where infinities are many, are found
// undefined after a few.
void ClassSums::add_many(Operand data, Operand result, const Arrays& arrays) const {
  reach(data, arrays);
  const int sign = sign_of_taps(arrays);
  std::uint8_t* sums = arrays.of[result];
  for_each_place(result, [&](std::int64_t offset) {
    const unsigned reached = arrays.reach[offset];
    if (reached >= 4) {
      sums[offset] = undefined_;
    } else if (sign > 0) {
      sums[offset] = static_cast<SumClass>(sums[offset] | reached);
    } else if (sign < 0) {
      sums[offset] = static_cast<SumClass>(sums[offset] | (reached & 1) << 1 | reached >> 1);
    }
  });
  if (sign != 0) return;
  const Kind infinite = [](Code code) {
    return (code & code_not_finite) != 0 && reaching(code) < 4;
  };
  const auto infinities = static_cast<double>(count_of(data, infinite, arrays));
  const auto points = static_cast<double>(points_);
  // A sum meets two infinities or so before it is undefined.
  if (infinities * infinities * static_cast<double>(count(w)) <= 2 * points * points) {
    return scatter(data, infinite, result, arrays);
  }
  for_each_place(result, [&](std::int64_t offset) {
    if (arrays.reach[offset] != 0 && sums[offset] != undefined_) gather(result, offset, arrays);
  });
}

void ClassSums::add(Operand result, const Arrays& arrays) const {
  const Kind bad = [](Code code) { return (code & code_not_finite) != 0; };
  const std::int64_t few = 4 * points_;  // products, to be added one by one
  const std::int64_t taps = count(w);
  if (result == w) {
    if ((count_of(x, bad, arrays) + count_of(y, bad, arrays)) * taps > few) {
      return gather_all(w, arrays);
    }
    scatter(x, bad, w, arrays);
    return scatter(y, bad, w, arrays);
  }
  const std::int64_t bad_taps = count_of(w, bad, arrays);
  // A sum meets two of them or so before it is undefined.
  if (bad_taps * bad_taps > 2 * taps) return gather_all(result, arrays);
  const Operand data = result == y ? x : y;
  if (count_of(data, bad, arrays) * taps > few) {
    add_many(data, result, arrays);
  } else {
    scatter(data, bad, result, arrays);
  }
  if (bad_taps > 0) scatter(w, bad, result, arrays);
}

}  // namespace faltung::fft
