#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <faltung/allocator.hpp>
#include <faltung/boundary.hpp>
#include <faltung/image.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>

namespace faltung::image {

/// What all passes of one call share.
struct Call {
  std::optional<DType> accumulator = std::nullopt;
  Store store = {};
  Method method = Method::automatic;
  std::string engine = {};
  Stream stream = {};
};

/// The options that all functions have.
template <typename Options>
Call make_call(const Options& o, const Stream& stream) {
  return {o.accumulator, o.store, o.method, o.engine, stream};
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
struct Pass {
  std::vector<PassAxis> axes;  ///< what the axes of w stand for, in the order of w
  ConstTensorView w;           ///< on the CPU or with x; any real or complex type, any strides
  bool flip = false;
  bool conjugate = false;
  double alpha = 1;
  double beta = 0;
};

/// A pass with its plan and the views that it runs on.
struct PlannedPass {
  ConstTensorView x, w;
  TensorView y;
  Tensor taps;  ///< what w shows, unless that is the caller's
  std::shared_ptr<const Plan> plan;
  void run(const Stream& stream) const { plan->run(stream, x, w, y); }
};

/// Plans one pass. x and y have the same shape, any strides, and do not overlap; their data need
/// not be there before the pass runs.
PlannedPass plan_pass(const ConstTensorView& x, const TensorView& y, const Pass& pass,
                      const Call& call, Locality locality);

/// Runs one pass, of any locality, in stream order.
void run_pass(const ConstTensorView& x, const TensorView& y, const Pass& pass, const Call& call);

/// y = x in the type of y, or y = x + y if `add`, stored by call.store.
void copy(const ConstTensorView& x, const TensorView& y, const Call& call, bool add = false);

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
                   const Pass& pass, const Call& call);

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
void run_lines(const ConstTensorView& x, const TensorView& y, std::span<const Line> lines,
               const Call& call, bool add = false);

/// y = the sum of the terms, each the result of its lines stored in the type of y.
void run_terms(const ConstTensorView& x, const TensorView& y,
               const std::vector<std::vector<Line>>& terms, const Call& call);

/// y = the square root of the sum of the squared terms; every step is stored in the type of y.
///
/// @throws InvalidProblem for complex data, NoEngine on other devices than the CPU.
void run_magnitude(const ConstTensorView& x, const TensorView& y,
                   const std::vector<std::vector<Line>>& terms, const Call& call);

/// The row -1 0 1, say, centred, along `axis`.
Line centred_line(std::size_t axis, std::initializer_list<double> taps, const Boundary& boundary);

/// Memory for an image of that type and shape, on its device, given back in stream order.
class Temporary {
 public:
  /// @throws DeviceError if memory runs out.
  Temporary(const ConstTensorView& like, const Stream& stream);
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary();
  [[nodiscard]] const TensorView& view() const noexcept { return view_; }

 private:
  Allocator allocator_;
  Stream stream_;
  std::size_t bytes_ = 0;
  TensorView view_;
};

/// What every public function checks first: ranks, shapes, devices, overlap, the accumulator.
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

}  // namespace faltung::image
