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

constexpr auto any = Operand::Memory::any;

Shape shape_of(const Integers& extents) { return Shape(std::span(extents)); }

// None stands for no bias.
class Bias {
 public:
  explicit Bias(nb::handle object) {
    if (!object.is_none()) operand_.emplace(object, "bias", any);
  }
  [[nodiscard]] ConstTensorView view() const {
    return operand_ ? operand_->view() : ConstTensorView{};
  }
  // That of both operands, and of the bias.
  [[nodiscard]] Stream stream(const Operand& a, const Operand& b) const {
    if (operand_) static_cast<void>(stream_of(a, *operand_));
    return stream_of(a, b);
  }

 private:
  std::optional<Operand> operand_;
};

// A new array of NumPy's, or `out` where one is given. `call` takes nothing, or the result; or the
// shape wanted, or the result.
template <typename Call, typename... Wanted>
nb::object computed(nb::handle out, const Stream& stream, Call&& call, const Wanted&... shape) {
  if (out.is_none()) return array_of(released([&] { return call(shape...); }), stream);
  const Target target(out, "out");
  released([&] { call(ResultView(target)); });
  return nb::borrow(out);
}

}  // namespace

void bind_nn(nb::module_& m) {
  const auto none = nb::arg("out").none() = nb::none();
  m.def(
      "conv",
      [](nb::handle x, nb::handle w, nb::object b, const Integers& stride, const Pairs& padding,
         const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand input(x, "input", any), weight(w, "weight", any);
        const Bias bias(b);
        auto options = options_of(stride, padding, dilation, groups);
        options.run.stream = bias.stream(input, weight);
        return computed(out, options.run.stream, [&](const auto&... y) {
          return nn::conv(input.view(), weight.view(), y..., options, bias.view());
        });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def(
      "conv_data_gradient",
      [](nb::handle dy, nb::handle w, const Integers& shape, const Integers& stride,
         const Pairs& padding, const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand gradient(dy, "grad_output", any), weight(w, "weight", any);
        auto options = options_of(stride, padding, dilation, groups);
        options.run.stream = stream_of(gradient, weight);
        return computed(
            out, options.run.stream,
            [&](const auto& dx) {
              return nn::conv_data_gradient(gradient.view(), weight.view(), dx, options);
            },
            shape_of(shape));
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def(
      "conv_filter_gradient",
      [](nb::handle x, nb::handle dy, const Integers& shape, const Integers& stride,
         const Pairs& padding, const Integers& dilation, std::int64_t groups, nb::object out) {
        const Operand input(x, "input", any), gradient(dy, "grad_output", any);
        auto options = options_of(stride, padding, dilation, groups);
        options.run.stream = stream_of(input, gradient);
        return computed(
            out, options.run.stream,
            [&](const auto& dw) {
              return nn::conv_filter_gradient(input.view(), gradient.view(), dw, options);
            },
            shape_of(shape));
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), none);
  m.def("bias_gradient", [](nb::handle dy) {
    const Operand gradient(dy, "grad_output");
    return array_of(released([&] { return nn::bias_gradient(gradient.view()); }));
  });
  m.def(
      "conv_transpose",
      [](nb::handle x, nb::handle w, nb::object b, const Integers& stride, const Pairs& padding,
         const Integers& output_padding, const Integers& dilation, std::int64_t groups,
         nb::object out) {
        const Operand input(x, "input"), weight(w, "weight");
        const Bias bias(b);
        const auto options = transposed(stride, padding, output_padding, dilation, groups);
        return computed(out, {}, [&](const auto&... y) {
          return nn::conv_transpose(input.view(), weight.view(), y..., options, bias.view());
        });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      none);
  m.def("conv_transpose_data_gradient",
        [](nb::handle dy, nb::handle w, const Integers& shape, const Integers& stride,
           const Pairs& padding, const Integers& output_padding, const Integers& dilation,
           std::int64_t groups) {
          const Operand gradient(dy, "grad_output"), weight(w, "weight");
          const auto options = transposed(stride, padding, output_padding, dilation, groups);
          return array_of(released([&] {
            return nn::conv_transpose_data_gradient(gradient.view(), weight.view(), shape_of(shape),
                                                    options);
          }));
        });
  m.def("conv_transpose_filter_gradient",
        [](nb::handle x, nb::handle dy, const Integers& shape, const Integers& stride,
           const Pairs& padding, const Integers& output_padding, const Integers& dilation,
           std::int64_t groups) {
          const Operand input(x, "input"), gradient(dy, "grad_output");
          const auto options = transposed(stride, padding, output_padding, dilation, groups);
          return array_of(released([&] {
            return nn::conv_transpose_filter_gradient(input.view(), gradient.view(),
                                                      shape_of(shape), options);
          }));
        });
  m.def("conv_integer", [](nb::handle x, nb::handle w, std::int64_t x_zero, const Integers& w_zero,
                           const Integers& stride, const Pairs& padding, const Integers& dilation,
                           std::int64_t groups) {
    const Operand input(x, "input"), weight(w, "weight");
    const auto options = options_of(stride, padding, dilation, groups);
    const nn::ZeroPoints zero{.x = x_zero, .w = w_zero};
    return array_of(
        released([&] { return nn::conv_integer(input.view(), weight.view(), zero, options); }));
  });
  m.def(
      "qlinear_conv",
      [](nb::handle x, nb::handle w, nb::object b, double x_scale, std::int64_t x_zero,
         const std::vector<double>& w_scale, const Integers& w_zero, double y_scale,
         std::int64_t y_zero, nb::handle y_type, const Integers& stride, const Pairs& padding,
         const Integers& dilation, std::int64_t groups) {
        const Operand input(x, "input"), weight(w, "weight");
        const Bias bias(b);
        const auto options = options_of(stride, padding, dilation, groups);
        const nn::Quantisation meant{.x_scale = x_scale,
                                     .x_zero = x_zero,
                                     .w_scale = w_scale,
                                     .w_zero = w_zero,
                                     .y_scale = y_scale,
                                     .y_zero = y_zero,
                                     .y = dtype_of(y_type)};
        return array_of(released([&] {
          return nn::qlinear_conv(input.view(), weight.view(), meant, bias.view(), options);
        }));
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace faltung::python
