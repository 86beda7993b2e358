#include "cpp/cpu/fft/sum_guard.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/result_error.hpp"
#include "cpp/cpu/epilogue.hpp"
#include "cpp/cpu/filter_rows.hpp"

namespace faltung::fft {
namespace {

// The nearest integer of numbers below 2^50, in two additions that vectorise.
double nearest(double value) {
  constexpr double magic = 0x1.8p52;
  return (value + magic) - magic;
}

}  // namespace

SumGuard::SumGuard(const Problem& problem, const RunArguments& arguments, const Accuracy& accuracy,
                   std::int64_t max)
    : p_(problem),
      arguments_(arguments),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      input_(problem, x_.spatial),
      load_w_(load_row<double>(problem.filter)),
      accuracy_(accuracy),
      max_(max),
      slope_(steepest_slope(problem.epilogue.activation)) {
  const DType type = p_.result_dtype();
  const int bits = static_cast<int>(8 * size_of(type));
  low_ = is_signed(type) ? -std::ldexp(1.0, bits - 1) : 0;
  past_ = std::ldexp(1.0, is_signed(type) ? bits - 1 : bits);
}

double SumGuard::bias(std::int64_t k) const {
  return visit_dtype(p_.bias_dtype(), [&](auto element) -> double {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      return 0;  // validation keeps this away
    } else {
      return load_element<double>(static_cast<const T*>(arguments_.bias)[k]);
    }
  });
}

// The integer of a value before it wraps: a number for each of the store's steps.
double SumGuard::stored(double value) const {
  const double whole =
      p_.rounding == Rounding::truncate ? std::trunc(value) : std::nearbyint(value);
  return p_.overflow == Overflow::saturate ? std::clamp(whole, low_, past_ - 1) : whole;
}

bool SumGuard::is_doubtful(double sum, std::int64_t k) const {
  const Epilogue& epilogue = p_.epilogue;
  double value = sum;
  double error = accuracy_.error;
  if (epilogue != Epilogue{}) {
    const double shift = epilogue.bias ? bias(k) : 0;
    const double scaled = epilogue.alpha * sum;
    value = activate(epilogue.activation, scaled + shift);
    // A handful of roundings in each of these steps.
    error = slope_ * std::abs(epilogue.alpha) * error +
            0x1p-49 * (slope_ * (std::abs(scaled) + std::abs(shift)) + std::abs(value));
  }
  if (!std::isfinite(value) || !std::isfinite(error)) return true;
  return stored(value - error) != stored(value + error);
}

// Without an epilogue; never misses a doubtful sum.
bool SumGuard::may_be_doubtful(const double* sums, std::int64_t count) const {
  const double error = accuracy_.error;
  const bool truncates = p_.rounding == Rounding::truncate;
  int found = 0;
  if (truncates) {
    // Values of less than 1 become 0 on both sides of it.
    const int zero_is_safe = static_cast<int>(error < 0.5);
    for (std::int64_t i = 0; i < count; ++i) {
      const double whole = nearest(sums[i]);
      found |= static_cast<int>(!(std::abs(sums[i] - whole) > error)) &
               (static_cast<int>(whole != 0) | (1 - zero_is_safe));
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const double rest = std::abs(sums[i] - nearest(sums[i]));
      found |= static_cast<int>(!(rest + error < 0.5));
    }
  }
  // Beyond 2^50 `nearest` is none.
  for (std::int64_t i = 0; i < count; ++i) {
    found |= static_cast<int>(!(std::abs(sums[i]) < 0x1p50));
  }
  return found != 0;
}

double SumGuard::sum(std::int64_t b, std::int64_t k, const Extents& output) const {
  constexpr std::int64_t max = 128;  // taps at once
  double x[max], w[max];
  const Axis& last = p_.axes.back();
  const std::int64_t inputs = p_.in_channels / p_.groups;
  const std::int64_t first_input = k / (p_.out_channels / p_.groups) * inputs;
  const std::int64_t w_step = p_.flip ? -w_.spatial.back() : w_.spatial.back();
  double total = 0;
  for (std::int64_t c = 0; c < inputs; ++c) {
    for_each_index(slow_extents(filter_extents(p_)), [&](std::int64_t, const Extents& r) {
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, output, r));
      if (place.kind == RowPlace::Kind::nothing) return;
      std::int64_t tap = k * w_.outer + c * w_.channel;
      for (std::size_t a = 0; a < p_.rank(); ++a) {
        const std::int64_t at = a < r.size() ? r[a] : 0;
        tap += (p_.flip ? p_.axes[a].filter - 1 - at : at) * w_.spatial[a];
      }
      for (std::int64_t begin = 0; begin < last.filter; begin += max) {
        const std::int64_t count = std::min(max, last.filter - begin);
        input_.load(arguments_.first, b * x_.outer + (first_input + c) * x_.channel, place,
                    output[output.size() - 1] * last.stride + begin * last.dilation, last.dilation,
                    count, x);
        load_w_(arguments_.second, tap + begin * w_step, w_step, count, w, 1);
        for (std::int64_t i = 0; i < count; ++i) total += w[i] * x[i];
      }
    });
  }
  return total;
}

void SumGuard::settle_all(double* sums, std::int64_t count) const {
  const double quantum = accuracy_.quantum, inverse = 1 / quantum;
  for (std::int64_t i = 0; i < count; ++i) sums[i] = nearest(sums[i] * inverse) * quantum;
}

void SumGuard::settle(std::int64_t b, std::int64_t k, const Extents& first, std::size_t axis,
                      double* sums, std::int64_t count) const {
  if (accuracy_.settles_all()) return settle_all(sums, count);
  if (p_.epilogue == Epilogue{} && !may_be_doubtful(sums, count)) return;
  for (std::int64_t i = 0; i < count; ++i) {
    if (!is_doubtful(sums[i], k)) continue;
    if (++doubtful_ > max_) return;
    Extents output = first;
    output[axis] += i;
    sums[i] = sum(b, k, output);
  }
}

std::int64_t SumGuard::count_doubtful(std::int64_t samples) const {
  const Shape extents = output_extents(p_);
  const std::int64_t spatial = element_count(extents);
  const std::int64_t outputs = spatial * p_.batch * p_.out_channels;
  const std::int64_t step = std::max<std::int64_t>(1, outputs / samples);
  std::int64_t found = 0;
  for (std::int64_t at = step / 2; at < outputs; at += step) {
    Extents output = Extents::filled(extents.size(), 0);
    std::int64_t rest = at % spatial;
    for (std::size_t a = extents.size(); a-- > 0; rest /= extents[a]) {
      output[a] = rest % extents[a];
    }
    const std::int64_t k = at / spatial % p_.out_channels;
    found += is_doubtful(sum(at / spatial / p_.out_channels, k, output), k) ? 1 : 0;
  }
  return found;
}

}  // namespace faltung::fft
