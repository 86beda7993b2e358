#include "cpp/core/overlap.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "cpp/core/element.hpp"

namespace faltung {
namespace {

using Wide = WideSigned;

Wide gcd(Wide a, Wide b) {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

Wide floor_divide(Wide a, Wide b) { return a / b - (a % b < 0 ? 1 : 0); }
Wide ceil_divide(Wide a, Wide b) { return -floor_divide(-a, b); }

// a^-1 modulo m, for coprime values, in [0, m).
Wide inverse(Wide a, Wide m) {
  Wide x = 1, next = 0;
  for (Wide b = m; b != 0;) {
    const Wide quotient = a / b;
    a = std::exchange(b, a % b);
    x = std::exchange(next, x - quotient * next);
  }
  return (x % m + m) % m;
}

// The sums  x[0] step[0] + x[1] step[1] + ...  with 0 <= x[i] <= most[i].
class Sums {
 public:
  // Both at least 0; in ascending order of the steps, `merge` finds what it can.
  void add(Wide step, Wide max) {
    if (step != 0 && max != 0) terms_[count_++] = {step, max};
  }

  // Whether one of them is `total`.
  Overlap reach(Wide total) {
    merge();
    prepare();
    if (total < 0) return Overlap::no;
    if (count_ == 0) return total == 0 ? Overlap::yes : Overlap::no;
    if (total > terms_[0].highest || total % terms_[0].divisor != 0) return Overlap::no;
    budget_ = overlap_budget;
    return search(0, total);
  }

 private:
  struct Term {
    Wide step = 0, max = 0;
    // Of the sums of this term and all that follow:
    Wide highest = 0, divisor = 0;
    // What brings the rest to a multiple of the divisor that follows: x = rest / divisor inverse,
    // modulo `period`.
    Wide inverse = 0, period = 1;
  };

  // x + k y takes all values up to max_x + k max_y if k <= max_x + 1.
  void merge() {
    std::sort(terms_.begin(), end(), [](auto& a, auto& b) { return a.step < b.step; });
    auto* last = terms_.begin();
    for (auto* term = terms_.begin(); term != end(); ++term) {
      auto* whole = std::find_if(terms_.begin(), last, [&](const Term& t) {
        return term->step % t.step == 0 && term->step / t.step <= t.max + 1;
      });
      if (whole == last) {
        *last++ = *term;
      } else {
        whole->max += term->step / whole->step * term->max;
      }
    }
    count_ = static_cast<std::size_t>(last - terms_.begin());
  }

  // The largest step comes first: what follows then leaves it few choices.
  void prepare() {
    std::reverse(terms_.begin(), end());
    Wide highest = 0, divisor = 0;
    for (std::size_t i = count_; i-- > 0;) {
      Term& t = terms_[i];
      t.highest = highest += t.step * t.max;
      t.divisor = gcd(t.step, divisor);
      t.period = divisor == 0 ? 1 : divisor / t.divisor;
      t.inverse = inverse(t.step / t.divisor % t.period, t.period);
      divisor = t.divisor;
    }
  }

  // `rest` is at most `highest` of the term, and a multiple of its divisor.
  Overlap search(std::size_t i, Wide rest) {
    if (i + 1 == count_) return Overlap::yes;
    const Term& t = terms_[i];
    const Wide min = std::max<Wide>(0, ceil_divide(rest - terms_[i + 1].highest, t.step));
    const Wide max = std::min(t.max, rest / t.step);
    const Wide residue = rest / t.divisor % t.period * t.inverse % t.period;
    for (Wide x = min + ((residue - min) % t.period + t.period) % t.period; x <= max;
         x += t.period) {
      if (budget_-- == 0) return Overlap::undecided;
      const Overlap found = search(i + 1, rest - x * t.step);
      if (found != Overlap::no) return found;
    }
    return Overlap::no;
  }

  Term* end() { return terms_.begin() + count_; }

  std::array<Term, 2 * Extents::max_rank + 1> terms_;
  std::size_t count_ = 0;
  std::int64_t budget_ = 0;
};

// The first and the last byte of a view.
struct Range {
  Wide low, high;
};

// Nothing for views that no memory can hold.
std::optional<Range> range_of(const ConstTensorView& view) {
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  const auto data = static_cast<Wide>(reinterpret_cast<std::uintptr_t>(view.data));
  Range range{data, data + size - 1};
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    std::int64_t step = 0;
    std::int64_t span = 0;
    if (__builtin_mul_overflow(view.strides[i], size, &step) ||
        __builtin_mul_overflow(step, view.shape[i] - 1, &span)) {
      return std::nullopt;
    }
    (span < 0 ? range.low : range.high) += span;
  }
  return range;
}

bool is_empty(const ConstTensorView& view) {
  return view.data == nullptr || std::ranges::find(view.shape, 0) != view.shape.end();
}

void add_axes(Sums& sums, const ConstTensorView& view) {
  const auto size = static_cast<Wide>(size_of(view.dtype));
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    const Wide step = view.strides[i] * size;
    sums.add(step < 0 ? -step : step, view.shape[i] - 1);
  }
}

}  // namespace

// A byte of a lies at low_a + (its axes) + (0 to size_a - 1), one of b, counted down from its last,
// at high_b - (its axes) - (0 to size_b - 1).
Overlap overlap(const ConstTensorView& a, const ConstTensorView& b) {
  if (is_empty(a) || is_empty(b)) return Overlap::no;
  if (a.data == b.data) return Overlap::yes;
  const auto in_a = range_of(a);
  const auto in_b = range_of(b);
  if (!in_a || !in_b) return Overlap::undecided;
  if (in_a->high < in_b->low || in_b->high < in_a->low) return Overlap::no;
  Sums sums;
  sums.add(1, static_cast<Wide>(size_of(a.dtype) + size_of(b.dtype)) - 2);
  add_axes(sums, a);
  add_axes(sums, b);
  return sums.reach(in_b->high - in_a->low);
}

// Two indices differ by d, of which the first value that is not 0 may be taken as positive: the
// steps times d sum to 0. Values of -most to most are counted from -most.
Overlap self_overlap(const Shape& shape, const Strides& strides) {
  struct Steps {
    Wide step, max;
  };
  std::vector<Steps> axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return Overlap::no;
    const Wide step = strides[i];
    if (shape[i] > 1) axes.push_back({step < 0 ? -step : step, shape[i] - 1});
  }
  std::ranges::sort(axes, std::greater<>(), &Steps::step);
  for (std::size_t first = 0; first < axes.size(); ++first) {
    if (axes[first].step == 0) return Overlap::yes;
    Sums sums;
    sums.add(axes[first].step, axes[first].max - 1);
    Wide total = -axes[first].step;
    for (std::size_t i = first + 1; i < axes.size(); ++i) {
      sums.add(axes[i].step, 2 * axes[i].max);
      total += axes[i].step * axes[i].max;
    }
    const Overlap found = sums.reach(total);
    if (found != Overlap::no) return found;
  }
  return Overlap::no;
}

}  // namespace faltung
