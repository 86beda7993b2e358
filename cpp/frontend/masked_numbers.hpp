#pragma once

#include <cstdint>
#include <optional>

#include <faltung/masked.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/masked_passes.hpp"

namespace faltung::masked {

/// What was seen.
struct Loaded {
  bool all_count = true;  ///< every weight is 1
  double largest_weight = 1;
};

/// Elements times their weights; what has weight 0 becomes 0. Without given weights they are
/// written: 1, or 0 for what is missing.
///
/// @param x, values, weights  compact, of one shape and type, f32 or f64; x may be the values, and
///                            weights null where nothing can be missing
/// @throws InvalidProblem for a weight that is negative, NaN or infinite.
Loaded load(const ConstTensorView& x, const TensorView& values, const TensorView& weights,
            const LoadRule& rule);

/// For a weight that is negative, NaN or infinite.
[[noreturn]] void throw_misfit();

/// Whether an element is NaN.
///
/// @param values  compact, f32 or f64
[[nodiscard]] bool has_nan(const ConstTensorView& values);

/// Results of sums.
///
/// @param divisors  of the shape and type of the sums, compact; null: `sum` everywhere
/// @param counts    likewise; null: all suffice. They may be the divisors
/// @param results   likewise; they may be the sums
void divide(const ConstTensorView& sums, const ConstTensorView& divisors,
            const ConstTensorView& counts, const QuotientRule& rule, const TensorView& results);

/// @param results  compact, after divide
/// @param x        of their shape, any real floating type and strides
void restore(const TensorView& results, const ConstTensorView& divisors,
             const ConstTensorView& counts, const ConstTensorView& x, const QuotientRule& rule,
             const OriginalRule& originals);

/// The gradients with respect to the two sums of each quotient, in place.
///
/// @param gradient  of the results: becomes that of the sums, a = gain g / divisor; 0 where empty
///                  or not to be passed on
/// @param sums      becomes a times the quotient of both: the gradient of the divisor, less its
/// sign
/// @param x         as in restore; where it fills, its own share goes to `through`. Null where
///                  nothing is owed to it
/// @param through   null, or of the same shape
/// @return the sum of g sums / divisor: the gradient of the gain
double divide_backward(const TensorView& gradient, const TensorView& sums,
                       const ConstTensorView& divisors, const ConstTensorView& counts,
                       const ConstTensorView& x, const QuotientRule& rule,
                       const OriginalRule& originals, const TensorView& through);

/// 1 for every weight above 0, in place.
void count_weights(const TensorView& weights);

/// values *= weights, or 0 where those are 0; compact, of one type.
void multiply(const TensorView& values, const ConstTensorView& weights);

/// a += b.
void add(const TensorView& a, const ConstTensorView& b);

/// 0 where x is NaN.
///
/// @param x  of the shape of the values, any real floating type and strides
void drop_replaced(const TensorView& values, const ConstTensorView& x);

/// The sum of all.
[[nodiscard]] double total(const ConstTensorView& values);

/// a = a - b + each; without b where that is null.
void combine(const TensorView& a, const ConstTensorView& b, double each);

}  // namespace faltung::masked
