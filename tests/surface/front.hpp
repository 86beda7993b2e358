#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <faltung/plan.hpp>
#include "tests/surface/case.hpp"
#include "tests/surface/compare.hpp"
#include "tests/surface/definition.hpp"

namespace faltung::test::surface {

/// What is wrong with the library's answer to a case: "" if nothing is.
///
/// @throws std::invalid_argument for a line that names no front end or lacks an operand; what the
///         library throws.
[[nodiscard]] std::string judge(const Case& c);

/// A case of any front end, valid by construction.
[[nodiscard]] Case generate(std::uint64_t seed);

/// One front end: its name, how its options are drawn, and how its results are judged.
struct Front {
  std::string_view name;
  int weight;  ///< how often it is drawn
  void (*draw)(Case& c, Random& random);
  std::string (*judge)(const Case& c);
};
[[nodiscard]] const std::vector<Front>& fronts();

// Each maps its options to index arithmetic after SciPy's, NumPy's, ONNX's or PyTorch's words,
// calls the library, and compares.
std::string judge_convolve(const Case& c);  // signal and numpy: convolve, correlate, 2-D, by FFT
std::string judge_upfirdn(const Case& c);   // upfirdn, resample_poly
std::string judge_sepfir2d(const Case& c);
std::string judge_image(const Case& c);      // one filter: convolve, correlate and 1-D
std::string judge_passes(const Case& c);     // several lines: gaussian, uniform, derivatives
std::string judge_masked(const Case& c);     // image's quotients of two sums
std::string judge_rank(const Case& c);       // image's rank filters and signal's
std::string judge_nn(const Case& c);         // conv and its gradients
std::string judge_transpose(const Case& c);  // conv_transpose and its gradients
std::string judge_bias_gradient(const Case& c);
std::string judge_quantised(const Case& c);  // conv_integer, qlinear_conv
std::string judge_plan(const Case& c);       // a Problem and its Plan

void draw_convolve(Case& c, Random& random);
void draw_upfirdn(Case& c, Random& random);
void draw_sepfir2d(Case& c, Random& random);
void draw_image(Case& c, Random& random);
void draw_passes(Case& c, Random& random);
void draw_masked(Case& c, Random& random);
void draw_rank(Case& c, Random& random);
void draw_nn(Case& c, Random& random);
void draw_transpose(Case& c, Random& random);
void draw_bias_gradient(Case& c, Random& random);
void draw_quantised(Case& c, Random& random);
void draw_plan(Case& c, Random& random);

/// Shapes, types and gaps of a result: "" if they are as wanted.
[[nodiscard]] std::string check_form(const ConstTensorView& result, DType type, const Shape& shape);

}  // namespace faltung::test::surface
