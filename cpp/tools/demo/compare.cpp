#include "cpp/tools/demo/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpp/tools/verify/bound.hpp"
#include "cpp/tools/verify/operands.hpp"

namespace faltung::tools::demo {
namespace {

/// Products the reference may spend on one comparison; a fifth of a second.
constexpr double product_limit = 1.2e7;

/// The part of a problem that is compared.
struct Sample {
  Problem problem;
  Shape start;  ///< of the part within the spatial axes of the whole result
  Shape count;  ///< so many results are compared along each axis; what follows may be wrong
  std::string scope;
};

/// Keeps `count` results from `start` on: the formula with other pads.
void crop_forward(Axis& axis, std::int64_t start, std::int64_t count) {
  axis.pad_lo -= start * axis.stride;
  axis.pad_hi =
      (count - 1) * axis.stride + axis.effective_filter() - axis.dilated_input() - axis.pad_lo;
}

/// Keeps enough of the input for the first `count` gradients to be right: all boundary rules but
/// wrap reach no further back from the end than the filter.
void crop_backward(Axis& axis, std::int64_t count) {
  if (axis.below.kind == BoundaryKind::wrap || axis.above.kind == BoundaryKind::wrap) return;
  axis.input = std::min(axis.input, count + 2 * axis.effective_filter());
}

std::string in_words(const Shape& extents) {
  std::string text;
  for (const std::int64_t extent : extents) {
    text += (text.empty() ? "" : "\u00a0×\u00a0") + std::to_string(extent);
  }
  return text;
}

Sample choose_sample(const Problem& problem) {
  Sample sample{problem, Shape::filled(problem.rank(), 0), {}, {}};
  Problem& part = sample.problem;
  const bool forward = problem.pass == Pass::forward;
  const bool signal = problem.rank() == 1;
  Shape whole;
  for (const Axis& axis : problem.axes) whole.push_back(forward ? axis.output() : axis.input);
  sample.count = whole;
  if (part.multiply_adds() > product_limit) part.batch = std::min<std::int64_t>(part.batch, 1);
  if (part.multiply_adds() > product_limit) {
    const double results =
        product_limit / part.multiply_adds() * static_cast<double>(element_count(whole));
    const double side = std::pow(results, 1 / static_cast<double>(problem.rank()));
    for (std::size_t i = 0; i < problem.rank(); ++i) {
      std::int64_t& count = sample.count[i];
      count = std::clamp<std::int64_t>(static_cast<std::int64_t>(side), 1, whole[i]);
      // The ends of a signal meet few taps of a long filter, its middle all of them.
      if (forward && signal) sample.start[i] = (whole[i] - count) / 2;
      forward ? crop_forward(part.axes[i], sample.start[i], count)
              : crop_backward(part.axes[i], count);
    }
  }
  const char* place = sample.count == whole ? "all" : signal ? "the middle" : "a corner,";
  sample.scope = fmt::format("{} {}", place, in_words(sample.count));
  if (part.batch < problem.batch) sample.scope += fmt::format(" of image 1 of {}", problem.batch);
  return sample;
}

/// The elements of a compact tensor of shape `whole` in the box of shape `part` at `start`, which
/// counts spatial axes.
Operand box(const Tensor& tensor, const Shape& whole, const Shape& part, const Shape& start = {}) {
  const Strides strides = compact_strides(whole);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < start.size(); ++i) offset += start[i] * strides[i + 2];
  const auto* data = static_cast<const std::byte*>(tensor.data()) +
                     offset * static_cast<std::int64_t>(size_of(tensor.dtype()));
  Tensor elements = compact_copy(
      ConstTensorView{data, tensor.dtype(), part, strides, Device::cpu()}, tensor.dtype());
  const std::int64_t count = elements.size();
  return {std::move(elements).reshaped({count}), 0, part, compact_strides(part)};
}

/// Takes what is not compared from the reference.
void hide_rest(const Sample& sample, Operand& actual, const Operand& expected) {
  const std::size_t size = size_of(actual.storage.dtype());
  auto* target = static_cast<std::byte*>(actual.storage.data());
  const auto* source = static_cast<const std::byte*>(expected.storage.data());
  for (std::int64_t i = 0; i < actual.storage.size(); ++i) {
    bool compared = true;
    for (std::size_t axis = 0; axis < sample.count.size(); ++axis) {
      const std::int64_t index = i / actual.strides[axis + 2] % actual.shape[axis + 2];
      compared = compared && index < sample.count[axis];
    }
    const auto at = static_cast<std::size_t>(i) * size;
    if (!compared) std::memcpy(target + at, source + at, size);
  }
}

}  // namespace

Comparison compare_with_reference(const Problem& problem, const ErrorBound& bound, const Tensor& x,
                                  const Tensor& w, const Tensor& y) {
  Problem whole = problem;
  whole.x_strides = whole.w_strides = whole.y_strides = {};  // everything here is compact
  const Sample sample = choose_sample(whole);
  const Problem& part = sample.problem;
  const bool backward = problem.pass == Pass::backward_data;
  Operands operands{
      backward ? box(x, whole.y_shape(), part.y_shape()) : box(x, whole.x_shape(), part.x_shape()),
      box(w, whole.w_shape(), part.w_shape()),
      box(y, whole.result_shape(), part.result_shape(), sample.start),
      {}};
  Operand actual = operands.result.clone();
  Operand expected = operands.result.clone();
  const Plan reference = Plan::make(part, Device::cpu(), {.engine = "cpu.reference"});
  reference.run({}, operands.first.view(), operands.second.view(), expected.view());
  hide_rest(sample, actual, expected);
  const Bound allowed(part, operands, reference.error_bound());
  return {allowed.ratio(bound, actual, expected), sample.scope};
}

}  // namespace faltung::tools::demo
