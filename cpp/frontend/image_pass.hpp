#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/image.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/filter_steps.hpp"

namespace faltung::image {

/// What all passes of one call share.
struct Call {
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  Execution run = {};
  Shape chosen_for = {};
};

/// The shape that choices are made for: that of a result, or the one asked for.
inline const Shape& chosen_shape(const Call& call, const TensorView& y) {
  return call.chosen_for.empty() ? y.shape : call.chosen_for;
}

/// The options that all functions have; filters that do not sum have fewer.
template <typename Options>
Call make_call(const Options& o) {
  Call call{.store = o.store, .run = o.run};
  if constexpr (requires { o.method; }) {
    call.accumulator = o.accumulator;
    call.method = o.method;
    call.chosen_for = o.chosen_for;
  }
  return call;
}

/// Whether a pass may take an engine that errs by the norm of the data under Method::automatic.
enum class Locality { own_products, any };

/// One axis of x that a pass filters.
struct PassAxis {
  std::size_t axis = 0;
  std::int64_t pad_lo = 0;  ///< taps before the one that meets the element itself
  Boundary boundary;
};

/// One Problem's worth of filtering: y = alpha (x * w) + beta y.
struct FilterPass {
  std::vector<PassAxis> axes;  ///< what the axes of w stand for, in the order of w
  ConstTensorView w;           ///< on the CPU or with x; any real or complex type, any strides
  bool flip = false;
  bool conjugate = false;
  double alpha = 1;
  double beta = 0;
};

enum class Kind : std::uint8_t { convolve, correlate };

/// The pass of either, centred.
///
/// @throws InvalidProblem if w does not have one axis for each of `axes`, or an origin lies
/// outside.
FilterPass make_pass(Kind kind, const ConstTensorView& w, const std::vector<std::size_t>& axes,
                     const PerAxis<Boundary>& boundary, const PerAxis<std::int64_t>& origin);

/// A pass as a Problem, with views of its operands in the problem's layout.
struct LoweredPass {
  Problem problem;
  PlanOptions options;
  ConstTensorView x, w;
  TensorView y;
  std::shared_ptr<const Tensor> taps;  ///< what w shows, unless that is the caller's
  std::shared_ptr<const Plan> model;   ///< that for Call::chosen_for, whose way `options` name
};

/// x and y have the same shape, any strides; their data are not read.
///
/// @throws InvalidProblem if it takes too many axes, or w on a device has not the type of the sums.
LoweredPass lower_pass(const ConstTensorView& x, const TensorView& y, const FilterPass& pass,
                       const Call& call, Locality locality);

/// A pass with its plan, ready to run on data that have been put in.
struct PlannedPass {
  ConstTensorView x, w;
  TensorView y;
  std::shared_ptr<const Tensor> taps;
  std::shared_ptr<const Plan> plan;
  double estimate_us = 0;  ///< for the shape that choices are made for
};

PlannedPass plan_pass(const ConstTensorView& x, const TensorView& y, const FilterPass& pass,
                      const Call& call, Locality locality);

/// A step that runs it.
Step step_of(Place from, Place to, PlannedPass pass);

/// y = x in the type of y, or y = x + y if `add`, stored by call.store.
void add_copy(Steps& steps, Place from, Place to, const Call& call, bool add = false);

/// Types of the filter and of the sums; see docs/promotion.md.
struct SumTypes {
  DType filter;
  DType accumulator;
};

/// The smallest signed integer type that holds every element, if all are whole numbers and on the
/// CPU. For sums that wrap i64 serves for larger ones too, modulo 2^64.
std::optional<DType> whole_type(const ConstTensorView& w, Overflow overflow);

/// A compact copy of weights, where integer types hold whole numbers modulo 2^bits.
Tensor copy_weights(const ConstTensorView& w, DType type);

/// @param whole  of the weights, from whole_type
SumTypes sum_types(DType x, DType y, bool complex_weights, std::optional<DType> whole,
                   const FilterPass& pass, const Call& call);

/// For sums that may not wrap: an accumulator in which those of `problem` fit, f64 if no integer is
/// wide enough, and a filter of its kind.
SumTypes saturating_types(const Problem& problem, SumTypes types);

/// A row of taps, all along one axis.
struct Line {
  PassAxis where;
  Tensor taps;  ///< rank 1, to be correlated with
  double alpha = 1;
};

/// All lines in turn, each result stored in the type of y; the last adds y if `add`. Without lines:
/// copies. Where the types and boundaries make it the same, all lines run as one filter, if the
/// planner expects that to be faster.
void add_lines(Steps& steps, Place from, Place to, std::span<const Line> lines, const Call& call,
               bool add = false);

/// y = the sum of the terms, each the result of its lines stored in the type of y.
void add_terms(Steps& steps, const std::vector<std::vector<Line>>& terms, const Call& call);

/// y = the square root of the sum of the squared terms; every step is stored in the type of y.
///
/// @throws InvalidProblem for complex data.
void add_magnitude(Steps& steps, const std::vector<std::vector<Line>>& terms, const Call& call);

/// The row -1 0 1, say, centred, along `axis`.
Line centred_line(std::size_t axis, std::initializer_list<double> taps, const Boundary& boundary);

/// What every public function checks first: ranks, shapes, devices, types, the accumulator.
void check_call(const ConstTensorView& x, const TensorView& y, std::optional<DType> output,
                const Call& call);

/// `axis` counted from the front.
std::size_t checked_axis(std::int64_t axis, std::size_t rank);

/// The axes named, or all, counted from the front; none may appear twice.
std::vector<std::size_t> checked_axes(const std::vector<std::int64_t>& axes, std::size_t rank);

/// @throws InvalidProblem unless -(taps/2) <= origin <= (taps-1)/2.
void check_origin(std::int64_t origin, std::int64_t taps);

/// The type of the result for an input of type `x`.
DType result_type(DType x, std::optional<DType> output, bool complex_weights = false);

/// What the three forms of a filter share.
///
/// @param make  (Steps&, call): adds the steps; within our floating-point environment
template <typename Options, typename Make>
Steps make_steps(const ConstTensorView& x, const TensorView& y, const Options& options,
                 Make&& make) {
  check_execution(options.run, x.device);
  const FloatEnvironment environment;
  const Call call = make_call(options);
  check_call(x, y, options.output, call);
  Steps steps(x, y);
  make(steps, call);
  return steps;
}

/// The form that writes into a view.
template <typename Options, typename Make>
void filter_into(const ConstTensorView& x, const TensorView& y, const Options& options,
                 Make&& make) {
  run_steps(make_steps(x, y, options, make), x, y, options.run);
}

/// The form that returns a Tensor.
template <typename Options, typename Make>
Tensor filtered(const ConstTensorView& x, const Options& options, Make&& make,
                bool complex_weights = false) {
  check_execution(options.run, x.device);
  Tensor y = new_tensor(result_type(x.dtype, options.output, complex_weights), x.shape, x.device,
                        options.run);
  filter_into(x, y, options, make);
  return y;
}

/// The form that plans.
template <typename Options, typename Make>
FilterPlan planned_filter(const ConstTensorView& x, const Options& options, Make&& make) {
  check_for_plan(options.run);
  const DType type = result_type(x.dtype, options.output);
  const TensorView y{nullptr, type, x.shape, compact_strides(x.shape), x.device};
  return FilterPlan(std::make_shared<const FilterPlan::State>(
      FilterPlan::State{make_steps(x, y, options, make), options.run}));
}

}  // namespace faltung::image
