#pragma once

#include <string>

#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::tools::demo {

/// How a result compares with the reference.
struct Comparison {
  double error_over_bound = 0;
  std::string scope;  ///< "all 512 × 512", "a corner, 96 × 96, of image 1 of 3"
};

/// Compares y with `cpu.reference` under an error bound; how is written at `Trial`.
///
/// The reference is the definition, product by product. Where it would take longer than about a
/// second, the first image of a batch stands for all and a part of the results for the whole: a
/// corner of a picture, so that its boundaries are checked too, the middle of a signal.
///
/// @param x, w, y  on the CPU, compact, channels first, with the elements of the problem's shapes;
///                 x is dy for Pass::backward_data
[[nodiscard]] Comparison compare_with_reference(const Problem& problem, const ErrorBound& bound,
                                                const Tensor& x, const Tensor& w, const Tensor& y);

}  // namespace faltung::tools::demo
