#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "cpp/core/notation_words.hpp"
#include "cpp/core/problem_rules.hpp"

namespace faltung::rules {

namespace {

/// A tensor in its role for the pass.
struct Operand {
  std::string_view field;  ///< "input"
  DType dtype;
};

struct Roles {
  Operand first, second, result;
};

Roles roles(const Problem& p) {
  const Operand x{"input", p.input};
  const Operand w{"filter", p.filter};
  const Operand y{"output", p.output};
  switch (p.pass) {
    case Pass::backward_data:
      return {y, w, x};
    case Pass::backward_filter:
      return {x, y, w};
    case Pass::forward:
      break;
  }
  return {x, w, y};
}

void check_accumulator(DType accumulator) {
  constexpr DType allowed[] = {f32, f64, c64, c128, i32, i64};
  if (std::ranges::find(allowed, accumulator) == std::end(allowed)) {
    refuse("accumulator acc=", accumulator,
           ": sums are formed in f32, f64, c64, c128, i32 or i64; use acc=",
           is_integer(accumulator) ? i64 : f32);
  }
}

/// Imaginary parts are never dropped, nor made up.
void check_complex(const Problem& p, const Roles& r) {
  for (const Operand& operand : {r.first, r.second}) {
    if (is_complex(operand.dtype) && !is_complex(r.result.dtype)) {
      refuse(operand.field, " dtype=", operand.dtype, " is complex, but the result (",
             r.result.field, " dtype=", r.result.dtype,
             ") is real and would lose the imaginary part; use a complex result");
    }
  }
  if (is_complex(p.accumulator) && !is_complex(r.result.dtype)) {
    refuse("accumulator acc=", p.accumulator, " is complex, but the result (", r.result.field,
           " dtype=", r.result.dtype, ") is real; use a complex result or a real accumulator");
  }
  if (is_complex(r.result.dtype) && !is_complex(p.accumulator)) {
    refuse("accumulator acc=", p.accumulator, " is real, but the result (", r.result.field,
           " dtype=", r.result.dtype,
           ") is complex; use acc=", default_accumulator(p.input, p.filter, p.output));
  }
}

/// Whether every value of `type` is exact in the floating type `accumulator`.
bool holds(DType accumulator, DType type) {
  const bool wide = accumulator == f64 || accumulator == c128;
  if (is_integer(type)) return size_of(type) <= (wide ? 4 : 2);
  return wide || (type != f64 && type != c128);
}

void check_operand(const Problem& p, const Operand& operand, const Operand& other) {
  const bool wide = p.accumulator == f64 || p.accumulator == c128;
  // As in NumPy's promotion: with real data beside it, a 64-bit integer is a number, not a code.
  const bool promoted = wide && is_integer(operand.dtype) && !is_integer(other.dtype);
  if (promoted || holds(p.accumulator, operand.dtype)) return;
  if (wide) {
    refuse(operand.field, " dtype=", operand.dtype,
           " is not exact in accumulator acc=", p.accumulator,
           "; use acc=i64, or make the other operand floating");
  }
  refuse(operand.field, " dtype=", operand.dtype,
         " is not exact in accumulator acc=", p.accumulator,
         "; use acc=", is_complex(p.accumulator) ? c128 : f64);
}

/// Largest magnitude of an integer type.
std::uint64_t magnitude(DType type) {
  const unsigned bits = static_cast<unsigned>(8 * size_of(type));
  const std::uint64_t top = std::uint64_t{1} << (bits - 1);
  return is_signed(type) ? top : top + (top - 1);
}

std::uint64_t multiply_capped(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::uint64_t>::max()
                                                : product;
}

/// An upper bound on the products in one element of the result.
std::uint64_t products(const Problem& p) {
  const auto at_least_zero = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  std::uint64_t count = at_least_zero(p.pass == Pass::backward_filter ? p.batch
                                      : p.pass == Pass::backward_data ? p.out_channels / p.groups
                                                                      : p.in_channels / p.groups);
  for (const Axis& axis : p.axes) {
    const std::uint64_t outputs = at_least_zero(axis.output());
    if (p.pass == Pass::backward_filter) {
      count = multiply_capped(count, outputs);
      continue;
    }
    count = multiply_capped(count, at_least_zero(axis.filter));
    const auto folds = [](const Boundary& b) {
      return b.kind != BoundaryKind::zero && b.kind != BoundaryKind::constant;
    };
    // Backwards, a rule that repeats the input sends many outputs to one input element.
    if (p.pass == Pass::backward_data && (folds(axis.below) || folds(axis.above))) {
      count = multiply_capped(count, outputs);
    }
  }
  return count;
}

bool sums_fit(const Problem& p, const Roles& r, DType accumulator) {
  const std::uint64_t product =
      multiply_capped(magnitude(r.first.dtype), magnitude(r.second.dtype));
  return multiply_capped(products(p), product) < magnitude(accumulator);
}

void check_integer_sums(const Problem& p, const Roles& r) {
  for (const Operand& operand : {r.first, r.second}) {
    if (!is_integer(operand.dtype)) {
      refuse("accumulator acc=", p.accumulator, " is an integer, but ", operand.field,
             " dtype=", operand.dtype,
             " is not; use acc=", default_accumulator(p.input, p.filter, p.output));
    }
  }
  // Modulo 2^bits a wrapping sum keeps the bits that a result no wider needs. An activation needs
  // the whole sum.
  const bool wraps = is_integer(r.result.dtype) && p.overflow == Overflow::wrap &&
                     size_of(r.result.dtype) <= size_of(p.accumulator) &&
                     p.epilogue.activation.kind == ActivationKind::none;
  if (wraps || sums_fit(p, r, p.accumulator)) return;
  const bool wider = p.accumulator == i32 && sums_fit(p, r, i64);
  refuse("accumulator acc=", p.accumulator, " can overflow: a sum has up to ", products(p),
         " products of ", r.first.field, " dtype=", r.first.dtype, " and ", r.second.field,
         " dtype=", r.second.dtype, "; use ",
         wider ? "acc=i64"
               : "overflow=wrap into an integer no wider than the accumulator and no activation, "
                 "or narrower types");
}

void check_clamp(const Problem& p, const std::string& field) {
  const Activation& act = p.epilogue.activation;
  if (!(act.a <= act.b)) {
    refuse(field, ": the lower bound must not exceed the upper one; swap them");
  }
  if (!is_integer(p.accumulator)) return;
  const double end = static_cast<double>(magnitude(p.accumulator));
  for (const double bound : {act.a, act.b}) {
    if (bound != std::trunc(bound) || bound < -end || bound >= end) {
      refuse(field, ": with accumulator acc=", p.accumulator,
             " both bounds must be integers within its range, and ", bound, " is not; use acc=f64");
    }
  }
}

void check_activation(const Problem& p) {
  const Activation& act = p.epilogue.activation;
  const ActivationKind kind = act.kind;
  const std::string field = "activation act=" + notation::activation_text(act);
  if (kind != ActivationKind::none && is_complex(p.result_dtype())) {
    refuse(field, ": complex results (dtype=", p.result_dtype(), ") allow none; use act=none");
  }
  const bool uses_a = kind == ActivationKind::leaky_relu || kind == ActivationKind::clamp;
  const bool uses_b = kind == ActivationKind::clamp;
  if ((!uses_a && act.a != 0) || (!uses_b && act.b != 0)) {
    refuse(field, ": a parameter it does not use is set (a=", act.a, " b=", act.b,
           "); set it to 0");
  }
  if (kind == ActivationKind::clamp) check_clamp(p, field);
  if (kind == ActivationKind::leaky_relu && !std::isfinite(act.a)) {
    refuse(field, ": the slope must be finite; use a number");
  }
  const bool integer_kind =
      kind == ActivationKind::none || kind == ActivationKind::relu || kind == ActivationKind::clamp;
  if (is_integer(p.accumulator) && !integer_kind) {
    refuse(field, ": integer sums (acc=", p.accumulator,
           ") allow none, relu and clamp; use one of them or acc=f64");
  }
}

}  // namespace

void check_types(const Problem& p) {
  const Roles r = roles(p);
  check_accumulator(p.accumulator);
  check_complex(p, r);
  if (is_integer(p.accumulator)) {
    check_integer_sums(p, r);
  } else {
    check_operand(p, r.first, r.second);
    check_operand(p, r.second, r.first);
  }
}

bool integer_sums_fit(const Problem& p) { return sums_fit(p, roles(p), p.accumulator); }

void check_epilogue(const Problem& p) {
  const Epilogue& e = p.epilogue;
  if (!std::isfinite(e.alpha)) refuse("epilogue alpha=", e.alpha, ": must be finite; use 1");
  if (!std::isfinite(e.beta)) refuse("epilogue beta=", e.beta, ": must be finite; use 0");
  if (is_integer(p.accumulator) && e.alpha != 1) {
    refuse("epilogue alpha=", e.alpha, ": integer sums (acc=", p.accumulator,
           ") are not scaled; use alpha=1 or acc=f64");
  }
  if (is_integer(p.accumulator) && e.beta != 0 && e.beta != 1) {
    refuse("epilogue beta=", e.beta, ": integer sums (acc=", p.accumulator,
           ") only add to the result; use beta=0, beta=1 or acc=f64");
  }
  if (is_integer(p.accumulator) && e.beta != 0 && !is_integer(p.result_dtype())) {
    refuse("epilogue beta=", e.beta, ": integer sums (acc=", p.accumulator,
           ") cannot add what a result of ", p.result_dtype(),
           " held, which may be no integer; use beta=0, an integer result or acc=f64");
  }
  if (e.bias && p.pass == Pass::backward_filter) {
    refuse("epilogue bias=1: backward_filter (op=wgrad) has no channel to add it to; use bias=0");
  }
  check_activation(p);
}

}  // namespace faltung::rules
