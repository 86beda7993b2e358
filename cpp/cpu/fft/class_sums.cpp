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

bool is_bad(Code code) { return (code & code_not_finite) != 0; }

// What a number brings to sums that it reaches. Complex infinities have no sign of their own.
std::uint8_t reaching(Code code) {
  const auto re = static_cast<std::uint8_t>(code & 7);
  const auto im = static_cast<std::uint8_t>(code >> 3 & 7);
  const auto bad_re = static_cast<std::uint8_t>((re & 4) != 0 ? re & 3 : 0);
  const auto bad_im = static_cast<std::uint8_t>((im & 4) != 0 ? im & 3 : 0);
  const auto bad = static_cast<std::uint8_t>(bad_re | bad_im);
  return static_cast<std::uint8_t>(static_cast<int>(re == 4) | static_cast<int>(im == 4)) != 0
             ? std::uint8_t{4}
             : bad;
}
void add_reaching(const Code* __restrict codes, std::int64_t count, std::uint8_t* __restrict to) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<std::uint8_t>(to[i] | reaching(codes[i]));
  }
}
bool is_infinity(Code code) { return is_bad(code) && reaching(code) < 4; }

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

// Codes stand nowhere else.
template <typename Wanted>
std::int64_t ClassSums::count_of(Operand operand, Wanted&& wanted, const Arrays& arrays) const {
  const std::uint8_t* codes = arrays.of[operand];
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < points_; ++i) count += wanted(codes[i]) ? 1 : 0;
  return count;
}

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
template <typename Wanted>
void ClassSums::scatter(Operand factor, Wanted&& wanted, Operand result,
                        const Arrays& arrays) const {
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
      to[target] =
          static_cast<SumClass>(to[target] | (product_class(code, other[from]) & undefined_));
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
  if (sum == undefined_) return;
  for_each_pair(pairs, offset, [&](std::int64_t free, std::int64_t partner) {
    const SumClass one = product_class(free_codes[free], partner_codes[partner]);
    sum = static_cast<SumClass>(sum | (one & undefined_));
    return sum == undefined_;
  });
  arrays.of[result][offset] = sum;
}

void ClassSums::gather_all(Operand result, const Arrays& arrays) const {
  for_each_place(result, [&](std::int64_t offset) { gather(result, offset, arrays); });
}

void ClassSums::note(const Code* codes, std::uint8_t* reach) const {
  add_reaching(codes, points_, reach);
}

// Each turn doubles the taps that are looked through.
void ClassSums::spread(Operand data, std::uint8_t* reach) const {
  for (std::size_t a = 0; a < rank_; ++a) {
    const Places& taps = grids_[w][a];
    const std::int64_t panel = lengths_[a] * strides_[a];
    for (std::int64_t start = 0; start < points_; start += panel) {
      for (std::int64_t done = 1; done < taps.count;) {
        const std::int64_t next = std::min(done, taps.count - done);
        const std::int64_t shift = next * taps.step * strides_[a];
        if (data == x) {
          or_from_below(reach + start, panel, shift);
        } else {
          or_from_above(reach + start, panel, shift);
        }
        done += next;
      }
    }
  }
}

void ClassSums::begin(Operand result, const Arrays& arrays) const {
  std::uint8_t* sums = arrays.of[result];
  const std::uint8_t* reach = arrays.reach;
  const std::int64_t points = points_;  // bytes might be anything's, members too
  const SumClass undefined = undefined_;
  for (std::int64_t i = 0; i < points; ++i) sums[i] = reach[i] >= 4 ? undefined : SumClass{0};
}

void ClassSums::add_one_sign(Operand result, int sign, const Arrays& arrays) const {
  std::uint8_t* sums = arrays.of[result];
  for (std::int64_t i = 0; i < points_; ++i) {
    const unsigned reached = arrays.reach[i] & 3U;
    const unsigned signs = sign > 0 ? reached : (reached & 1) << 1 | reached >> 1;
    sums[i] = static_cast<SumClass>(sums[i] | signs);
  }
}

bool ClassSums::is_open(Operand result, const Arrays& arrays) const {
  const std::uint8_t* sums = arrays.of[result];
  const std::uint8_t* reach = arrays.reach;
  const auto is_open_at = [&](std::int64_t i) {
    return static_cast<int>(reach[i] != 0) & static_cast<int>(sums[i] != undefined_);
  };
  // All points are looked through faster than the places of the result alone.
  int open = 0;
  for (std::int64_t i = 0; i < points_; ++i) open |= is_open_at(i);
  if (open == 0) return false;
  open = 0;
  for_each_place(result, [&](std::int64_t i) { open |= is_open_at(i); });
  return open != 0;
}

void ClassSums::add(Operand result, const Arrays& arrays) const {
  const std::int64_t taps = count(w);
  if (result == w) {
    const std::int64_t bad = count_of(x, is_bad, arrays) + count_of(y, is_bad, arrays);
    if (bad * taps > 4 * points_) return gather_all(w, arrays);
    scatter(x, is_bad, w, arrays);
    return scatter(y, is_bad, w, arrays);
  }
  const std::int64_t bad_taps = count_of(w, is_bad, arrays);
  // A sum meets two of them or so before it is undefined, and so with infinities.
  if (bad_taps * bad_taps > 2 * taps) return gather_all(result, arrays);
  if (bad_taps > 0) scatter(w, is_bad, result, arrays);
  const Operand data = result == y ? x : y;
  const auto infinities = static_cast<double>(count_of(data, is_infinity, arrays));
  const auto points = static_cast<double>(points_);
  if (infinities * infinities * static_cast<double>(taps) <= 2 * points * points) {
    return scatter(data, is_infinity, result, arrays);
  }
  for_each_place(result, [&](std::int64_t offset) {
    if (arrays.reach[offset] != 0) gather(result, offset, arrays);
  });
}

}  // namespace faltung::fft
