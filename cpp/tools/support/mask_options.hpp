#pragma once

#include <CLI/App.hpp>
#include <faltung/masked.hpp>
#include <string>

#include "cpp/tools/support/sum_options.hpp"

/// Options of a convolution that is divided by that of the weights.
namespace faltung::tools {

/// As given; empty if left out.
struct MaskText {
  std::string nan, weights;  ///< one of them makes the convolution masked
  std::string min_weight, min_count, fill;
  bool keep_gain = false, preserve_nan = false;

  [[nodiscard]] bool given() const { return !nan.empty() || !weights.empty(); }
};

/// Declares --nan, --weights, --min-weight, --min-count, --fill, --keep-gain and --preserve-nan.
void add_mask_options(CLI::App& command, MaskText& text);

/// @throws InvalidProblem for the others without --nan or --weights.
void check_mask_options(const MaskText& text);

/// What both front ends have of them.
///
/// @param weights  read from the file, or empty
/// @throws InvalidProblem naming the option, its value and the rule.
void set_mask(const MaskText& text, const SumText& sums, const Tensor& weights,
              image::MaskedOptions& call);
void set_mask(const MaskText& text, const SumText& sums, const Tensor& weights,
              signal::MaskedOptions& call);

}  // namespace faltung::tools
