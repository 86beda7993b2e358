#pragma once

#include <faltung/problem.hpp>

namespace faltung {

/// The problem that engines are asked for: the same map between the same elements in memory,
/// written as engines do best, and in one way for all that mean the same. The problem must be
/// valid.
///
///     unit axes     axes of one element and one tap without padding are left out, as long as one
///                   axis stays; engines find long rows then, and at most three axes more often
///     strides       that are those of compact tensors are left out
///     math          that is reproducible, of integer sums, which are so anyway, is strict
///     joined axes   neighbours with one tap, no stride and no padding are one axis, if their
///                   elements lie as those of one: 1x1 is then a product of two matrices
[[nodiscard]] Problem normal_form(const Problem& problem);

}  // namespace faltung
