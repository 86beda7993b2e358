#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <utility>

#include "bindings.hpp"

namespace faltung::python {
namespace {

using Integers = std::vector<std::int64_t>;
using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

nn::ConvOptions options_of(const Integers& stride, const Pairs& padding, const Integers& dilation,
                           std::int64_t groups) {
  return {.stride = stride,
          .dilation = dilation,
          .padding = nn::Padding::sides(padding),
          .groups = groups};
}

nn::ConvTransposeOptions transposed(const Integers& stride, const Pairs& padding,
                                    const Integers& output_padding, const Integers& dilation,
                                    std::int64_t groups) {
  return {.stride = stride,
          .dilation = dilation,
          .padding = nn::Padding::sides(padding),
          .output_padding = output_padding,
          .groups = groups};
}

Shape shape_of(const Integers& extents) { return Shape(std::span(extents)); }

// An array, or none for None.
class Optional {
 public:
  Optional(nb::handle object, const char* name) {
    if (!object.is_none()) operand_.emplace(object, name);
  }
  [[nodiscard]] const Operand* operand() const { return operand_ ? &*operand_ : nullptr; }
  [[nodiscard]] ConstTensorView view() const {
    return operand_ ? operand_->view() : ConstTensorView{};
  }

 private:
  std::optional<Operand> operand_;
};

// A new array, or `out` where one is given. `call` takes the options after the result, or after the
// shape of a new one if that is to be named.
template <typename Options, typename Call, typename... Wanted>
nb::object result_of(const Operand& a, const Operand& b, const Operand* c, nb::handle out,
                     const Options& options, const Call& call, const Wanted&... shape) {
  if (out.is_none()) {
    return computed({&a, &b, c}, options, [&](const auto& o) { return call(o, shape...); });
  }
  const Target target(out, "out");
  computed({&a, &b, c, &target}, options, [&](const auto& o) { call(o, ResultView(target)); });
  return nb::borrow(out);
}

}  // namespace

void bind_nn(nb::module_& m) {
  const auto none = nb::arg("out").none() = nb::none();
  m.def(
      "conv",
      [](nb::handle x, nb::handle w, nb::object b, const Integers& stride, const Pairs& padding,
         const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand input(x, "input"), weight(w, "weight");
        const Optional bias(b, "bias");
        const auto options = options_of(stride, padding, dilation, groups);
        return result_of(input, weight, bias.operand(), out, options,
                         [&](const auto& o, const auto&... y) {
                           return nn::conv(input.view(), weight.view(), y..., o, bias.view());
                         });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def(
      "conv_data_gradient",
      [](nb::handle dy, nb::handle w, const Integers& shape, const Integers& stride,
         const Pairs& padding, const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand gradient(dy, "grad_output"), weight(w, "weight");
        const auto options = options_of(stride, padding, dilation, groups);
        return result_of(
            gradient, weight, nullptr, out, options,
            [&](const auto& o, const auto& dx) {
              return nn::conv_data_gradient(gradient.view(), weight.view(), dx, o);
            },
            shape_of(shape));
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def(
      "conv_filter_gradient",
      [](nb::handle x, nb::handle dy, const Integers& shape, const Integers& stride,
         const Pairs& padding, const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand input(x, "input"), gradient(dy, "grad_output");
        const auto options = options_of(stride, padding, dilation, groups);
        return result_of(
            input, gradient, nullptr, out, options,
            [&](const auto& o, const auto& dw) {
              return nn::conv_filter_gradient(input.view(), gradient.view(), dw, o);
            },
            shape_of(shape));
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def("bias_gradient", [](nb::handle dy) {
    const Operand gradient(dy, "grad_output");
    return computed({&gradient}, nn::ConvOptions{},
                    [&](const auto& o) { return nn::bias_gradient(gradient.view(), o); });
  });
  m.def(
      "conv_transpose",
      [](nb::handle x, nb::handle w, nb::object b, const Integers& stride, const Pairs& padding,
         const Integers& output_padding, const Integers& dilation, std::int64_t groups,
         nb::object out) {
        const Operand input(x, "input"), weight(w, "weight");
        const Optional bias(b, "bias");
        const auto options = transposed(stride, padding, output_padding, dilation, groups);
        return result_of(
            input, weight, bias.operand(), out, options, [&](const auto& o, const auto&... y) {
              return nn::conv_transpose(input.view(), weight.view(), y..., o, bias.view());
            });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      none);
  m.def("conv_transpose_data_gradient", [](nb::handle dy, nb::handle w, const Integers& shape,
                                           const Integers& stride, const Pairs& padding,
                                           const Integers& output_padding, const Integers& dilation,
                                           std::int64_t groups) {
    const Operand gradient(dy, "grad_output"), weight(w, "weight");
    const auto options = transposed(stride, padding, output_padding, dilation, groups);
    return computed({&gradient, &weight}, options, [&](const auto& o) {
      return nn::conv_transpose_data_gradient(gradient.view(), weight.view(), shape_of(shape), o);
    });
  });
  m.def("conv_transpose_filter_gradient", [](nb::handle x, nb::handle dy, const Integers& shape,
                                             const Integers& stride, const Pairs& padding,
                                             const Integers& output_padding,
                                             const Integers& dilation, std::int64_t groups) {
    const Operand input(x, "input"), gradient(dy, "grad_output");
    const auto options = transposed(stride, padding, output_padding, dilation, groups);
    return computed({&input, &gradient}, options, [&](const auto& o) {
      return nn::conv_transpose_filter_gradient(input.view(), gradient.view(), shape_of(shape), o);
    });
  });
  m.def("conv_integer", [](nb::handle x, nb::handle w, std::int64_t x_zero, const Integers& w_zero,
                           const Integers& stride, const Pairs& padding, const Integers& dilation,
                           std::int64_t groups) {
    const Operand input(x, "input"), weight(w, "weight");
    const auto options = options_of(stride, padding, dilation, groups);
    const nn::ZeroPoints zero{.x = x_zero, .w = w_zero};
    return computed({&input, &weight}, options, [&](const auto& o) {
      return nn::conv_integer(input.view(), weight.view(), zero, o);
    });
  });
  m.def(
      "qlinear_conv",
      [](nb::handle x, nb::handle w, nb::object b, double x_scale, std::int64_t x_zero,
         const std::vector<double>& w_scale, const Integers& w_zero, double y_scale,
         std::int64_t y_zero, nb::handle y_type, const Integers& stride, const Pairs& padding,
         const Integers& dilation, std::int64_t groups) {
        const Operand input(x, "input"), weight(w, "weight");
        const Optional bias(b, "bias");
        const auto options = options_of(stride, padding, dilation, groups);
        const nn::Quantisation meant{.x_scale = x_scale,
                                     .x_zero = x_zero,
                                     .w_scale = w_scale,
                                     .w_zero = w_zero,
                                     .y_scale = y_scale,
                                     .y_zero = y_zero,
                                     .y = dtype_of(y_type)};
        return computed({&input, &weight, bias.operand()}, options, [&](const auto& o) {
          return nn::qlinear_conv(input.view(), weight.view(), meant, bias.view(), o);
        });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace faltung::python
