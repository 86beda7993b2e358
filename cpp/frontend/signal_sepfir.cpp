#include <faltung/error.hpp>
#include <faltung/image.hpp>
#include <faltung/promotion.hpp>
#include <faltung/signal.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

void check_taps(const ConstTensorView& taps, std::string_view name, const ConstTensorView& x) {
  check_operand(taps, name);
  if (taps.shape.size() != 1 || taps.shape[0] % 2 != 1) {
    throw InvalidProblem(message(name, " has shape ", taps.shape,
                                 "; it runs along one axis and is centred, so give it rank 1 and "
                                 "an odd number of taps"));
  }
  if (is_complex(taps.dtype) && !is_complex(x.dtype)) {
    throw InvalidProblem(message(name, " has complex type ", faltung::name(taps.dtype),
                                 ", x real type ", faltung::name(x.dtype),
                                 ", which is that of the result; convert x to c64 or c128"));
  }
}

DType checked_type(const ConstTensorView& x, const ConstTensorView& hrow,
                   const ConstTensorView& hcol, const Sepfir2dOptions& options) {
  check_execution(options.run, x.device);
  check_operand(x, "x");
  if (x.shape.size() != 2) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), "; sepfir2d takes rank 2"));
  }
  check_taps(hrow, "hrow", x);
  check_taps(hcol, "hcol", x);
  return numpy_result_type(x.dtype, f32);
}

void filter(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
            const TensorView& y, const Sepfir2dOptions& options) {
  const image::Filter1dOptions along{
      .boundary = Boundary::reflect(), .method = options.method, .run = options.run};
  image::Filter1dOptions rows = along, columns = along;
  rows.axis = 1;
  columns.axis = 0;
  Tensor between = new_tensor(y.dtype, x.shape, x.device, options.run);
  image::convolve1d(x, hrow, between, rows);
  image::convolve1d(between, hcol, y, columns);
}

}  // namespace

Tensor sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
                const Sepfir2dOptions& options) {
  const DType type = checked_type(x, hrow, hcol, options);
  Tensor y = new_tensor(type, x.shape, x.device, options.run);
  filter(x, hrow, hcol, y, options);
  return y;
}

void sepfir2d(const ConstTensorView& x, const ConstTensorView& hrow, const ConstTensorView& hcol,
              const TensorView& y, const Sepfir2dOptions& options) {
  check_result(y, x.shape, checked_type(x, hrow, hcol, options));
  check_apart(y, "y", x, "x");
  check_apart(y, "y", hrow, "hrow");
  check_apart(y, "y", hcol, "hcol");
  filter(x, hrow, hcol, y, options);
}

}  // namespace faltung::signal
