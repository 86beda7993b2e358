// The functions of `nn`.

#include "tests/frontend/three_forms_table.hpp"

namespace faltung::test {
namespace {

using namespace nn;
using Operand = std::shared_ptr<const Tensor>;

Operand operand(DType dtype, const Shape& shape) {
  return std::make_shared<const Tensor>(numbers_of(dtype, shape));
}

// A layer: x [2, 4, 9, 8], w [6, 2, 3, 3], and the y that conv makes of them.
struct Layer {
  Operand x = operand(f32, {2, 4, 9, 8});
  Operand w = operand(f32, {6, 2, 3, 3});
  Operand y = operand(f32, {2, 6, 5, 4});
  Operand bias = operand(f32, {6});
  ConvOptions options{.stride = 2, .padding = 1, .groups = 2};
};

void add_layer(std::vector<Function>& all, const Layer& l) {
  ConvOptions biased = l.options;
  biased.bias = true;
  all.push_back(function(
      "nn.conv", biased, [=](const auto& o) { return conv(*l.x, *l.w, o, *l.bias); },
      [=](const TensorView& y, const auto& o) { conv(*l.x, *l.w, y, o, *l.bias); },
      [=](const TensorView& y, const auto& o) {
        run_planned(lower_conv(*l.x, *l.w, o), *l.x, *l.w, y, *l.bias);
      }));
  all.push_back(function(
      "nn.conv_data_gradient", l.options,
      [=](const auto& o) { return conv_data_gradient(*l.y, *l.w, l.x->shape(), o); },
      [=](const TensorView& dx, const auto& o) { conv_data_gradient(*l.y, *l.w, dx, o); },
      [=](const TensorView& dx, const auto& o) {
        run_planned(lower_conv_data_gradient(*l.y, *l.w, l.x->shape(), o), *l.y, *l.w, dx);
      }));
  all.back().result = "";  // its shape is an operand's: another one is another call
  all.push_back(function(
      "nn.conv_filter_gradient", l.options,
      [=](const auto& o) { return conv_filter_gradient(*l.x, *l.y, l.w->shape(), o); },
      [=](const TensorView& dw, const auto& o) { conv_filter_gradient(*l.x, *l.y, dw, o); },
      [=](const TensorView& dw, const auto& o) {
        run_planned(lower_conv_filter_gradient(*l.x, *l.y, l.w->shape(), o), *l.x, *l.y, dw);
      }));
  all.back().result = "";
  all.push_back(function(
      "nn.bias_gradient", ConvOptions{}, [=](const auto& o) { return bias_gradient(*l.y, o); },
      [=](const TensorView& db, const auto& o) { bias_gradient(*l.y, db, o); },
      [=](const TensorView& db, const auto& o) {
        run_planned(lower_bias_gradient(*l.y, o), *l.y, {}, db);
      }));
  all.back().result = "db";
  all.back().by_fft = {};  // one tap: there is nothing to transform
}

// The transposed layer goes from y to x, with the same filter.
void add_transposed(std::vector<Function>& all, const Layer& l) {
  const ConvTransposeOptions options{
      .stride = 2, .padding = 1, .output_padding = {0, 1}, .groups = 2};
  all.push_back(function(
      "nn.conv_transpose", options, [=](const auto& o) { return conv_transpose(*l.y, *l.w, o); },
      [=](const TensorView& y, const auto& o) { conv_transpose(*l.y, *l.w, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(lower_conv_transpose(*l.y, *l.w, o), *l.y, *l.w, y);
      }));
  all.back().result = "dx";  // what the pass of its problem computes
  const Operand dy = operand(f32, conv_transpose(*l.y, *l.w, options).shape());
  all.push_back(function(
      "nn.conv_transpose_data_gradient", options,
      [=](const auto& o) { return conv_transpose_data_gradient(*dy, *l.w, l.y->shape(), o); },
      [=](const TensorView& dx, const auto& o) { conv_transpose_data_gradient(*dy, *l.w, dx, o); },
      [=](const TensorView& dx, const auto& o) {
        run_planned(lower_conv_transpose_data_gradient(*dy, *l.w, l.y->shape(), o), *dy, *l.w, dx);
      }));
  all.back().result = "";
  all.push_back(function(
      "nn.conv_transpose_filter_gradient", options,
      [=](const auto& o) { return conv_transpose_filter_gradient(*l.y, *dy, l.w->shape(), o); },
      [=](const TensorView& dw, const auto& o) {
        conv_transpose_filter_gradient(*l.y, *dy, dw, o);
      },
      [=](const TensorView& dw, const auto& o) {
        run_planned(lower_conv_transpose_filter_gradient(*l.y, *dy, l.w->shape(), o), *l.y, *dy,
                    dw);
      }));
  all.back().result = "";
}

void add_quantised(std::vector<Function>& all) {
  const Operand x = operand(u8, {2, 3, 9, 8}), w = operand(i8, {4, 3, 3, 3});
  const ZeroPoints zero{.x = 3, .w = {1}};
  const auto run = [](const QuantisedPlan& plan, const Tensor& in, const TensorView& y) {
    for (int i = 0; i < 2; ++i) plan.run(in, y);
  };
  all.push_back(function(
      "nn.conv_integer", ConvOptions{.padding = 1},
      [=](const auto& o) { return conv_integer(*x, *w, zero, o); },
      [=](const TensorView& y, const auto& o) { conv_integer(*x, *w, y, zero, o); },
      [=](const TensorView& y, const auto& o) {
        run(plan_conv_integer(x->shape(), u8, *w, zero, o), *x, y);
      }));
  all.back().by_fft = {};
  const Quantisation q{.x_zero = 3, .w_scale = {0.01}, .y_zero = 128};
  all.push_back(function(
      "nn.qlinear_conv", ConvOptions{.padding = 1},
      [=](const auto& o) { return qlinear_conv(*x, *w, q, {}, o); },
      [=](const TensorView& y, const auto& o) { qlinear_conv(*x, *w, y, q, {}, o); },
      [=](const TensorView& y, const auto& o) {
        run(plan_qlinear_conv(x->shape(), u8, *w, q, {}, o), *x, y);
      }));
  all.back().by_fft = {};
  all.back().one_type = true;
}

}  // namespace

std::vector<Function> nn_functions() {
  std::vector<Function> all;
  const Layer layer;
  add_layer(all, layer);
  add_transposed(all, layer);
  add_quantised(all);
  return all;
}

}  // namespace faltung::test
