// Against the numbers of ONNX's reference evaluator in golden/onnx.txt, written by
// golden/make_onnx.py. All are sums of whole numbers, so they are equal.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include <faltung/nn.hpp>
#include <faltung/nn_quantised.hpp>
#include "tests/golden/golden.hpp"

namespace faltung::nn {
namespace {

using golden::sequence;

struct Case {
  std::string name;
  std::function<Tensor()> run;
};

void add_conv(std::vector<Case>& cases) {
  const std::pair<std::string, Padding> rules[] = {{"SAME_UPPER", Padding::same_upper()},
                                                   {"SAME_LOWER", Padding::same_lower()},
                                                   {"VALID", Padding::valid()}};
  for (const auto& [name, padding] : rules) {
    for (const std::int64_t stride : {1, 2, 3}) {
      cases.push_back({"conv " + name + " " + std::to_string(stride), [=, pad = padding] {
                         return conv(sequence<float>({1, 2, 7}), sequence<float>({3, 2, 4}),
                                     {.stride = stride, .padding = pad});
                       }});
    }
  }
  cases.push_back({"conv dilated", [] {
                     return conv(sequence<float>({2, 4, 6, 5}), sequence<float>({2, 2, 3, 2}),
                                 {.stride = {2, 1},
                                  .dilation = {1, 2},
                                  .padding = Padding::onnx({1, 0, 2, 1}),
                                  .groups = 2});
                   }});
}

void add_transpose(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, const ConvTransposeOptions& options) {
    cases.push_back({"transpose" + name, [=] {
                       return conv_transpose(sequence<float>({1, 2, 3, 3}),
                                             sequence<float>({2, 2, 3, 3}), options);
                     }});
  };
  add("", {});
  add(" stride", {.stride = {3, 2}, .padding = {1, 2}, .output_padding = {2, 1}});
  add(" dilation", {.dilation = 2});
  add(" output_shape", {.stride = {3, 2}, .output_shape = {10, 8}});
  add(" SAME_UPPER", {.stride = 2, .padding = Padding::same_upper()});
  add(" SAME_LOWER", {.stride = 2, .padding = Padding::same_lower()});
  add(" SAME_UPPER output_shape",
      {.stride = 2, .padding = Padding::same_upper(), .output_shape = {4, 6}});
  add(" SAME_LOWER output_shape",
      {.stride = 2, .padding = Padding::same_lower(), .output_shape = {4, 6}});
}

void add_integer(std::vector<Case>& cases) {
  const auto x = [] { return sequence<std::uint8_t>({1, 2, 4, 4}); };
  const auto w = [] { return sequence<std::int8_t>({3, 2, 2, 3}); };
  cases.push_back({"integer", [=] { return conv_integer(x(), w()); }});
  cases.push_back({"integer zero",
                   [=] { return conv_integer(x(), w(), {.x = 40, .w = {-7}}, {.padding = 1}); }});
  cases.push_back({"integer zero u8", [=] {
                     return conv_integer(x(), sequence<std::uint8_t>({3, 2, 2, 3}),
                                         {.x = 255, .w = {3}},
                                         {.padding = Padding::onnx({0, 1, 1, 0})});
                   }});
}

void add_qlinear(std::vector<Case>& cases) {
  const auto x = [] { return sequence<std::uint8_t>({1, 2, 4, 4}); };
  const auto w = [] { return sequence<std::int8_t>({3, 2, 2, 3}); };
  // ONNX's scales are of type float.
  cases.push_back({"qlinear halves", [=] {
                     return qlinear_conv(
                         x(), w(),
                         {.x_scale = 0.5, .w_scale = {0.25}, .y_scale = 16, .y_zero = 100});
                   }});
  cases.push_back({"qlinear channels", [=] {
                     return qlinear_conv(
                         x(), w(),
                         {.x_scale = 0.02f,
                          .x_zero = 40,
                          .w_scale = {0.013f, 0.04f, 0.007f},
                          .w_zero = {-7, 0, 3},
                          .y_scale = 0.11f,
                          .y_zero = 131},
                         Tensor::from<std::int32_t>({1000, -200, 3000}),
                         {.stride = {1, 2}, .padding = Padding::onnx({1, 0, 1, 2})});
                   }});
  cases.push_back({"qlinear i8", [] {
                     return qlinear_conv(sequence<std::int8_t>({2, 4, 5, 4}),
                                         sequence<std::int8_t>({4, 2, 2, 2}),
                                         {.x_scale = 0.5,
                                          .x_zero = -3,
                                          .w_scale = {0.5, 0.125, 2, 0.25},
                                          .y_scale = 8,
                                          .y_zero = -20,
                                          .y = i8},
                                         {}, {.dilation = {2, 1}, .groups = 2});
                   }});
  cases.push_back({"qlinear u8 to i8", [=] {
                     return qlinear_conv(x(), sequence<std::uint8_t>({3, 2, 2, 3}),
                                         {.x_scale = 0.1f,
                                          .x_zero = 128,
                                          .w_scale = {0.03f},
                                          .w_zero = {90},
                                          .y_scale = 0.7f,
                                          .y_zero = 5,
                                          .y = i8},
                                         {}, {.padding = 1});
                   }});
}

std::vector<Case> make_cases() {
  std::vector<Case> cases;
  add_conv(cases);
  add_transpose(cases);
  add_integer(cases);
  add_qlinear(cases);
  return cases;
}

TEST(NnGolden, EveryCaseOfTheFileIsTested) {
  const auto expected = golden::read("onnx.txt");
  const auto cases = make_cases();
  EXPECT_EQ(cases.size(), expected.size());
  for (const auto& entry : expected) {
    const std::string& name = entry.first;
    EXPECT_TRUE(std::ranges::any_of(cases, [&](const Case& c) { return c.name == name; })) << name;
  }
}

TEST(NnGolden, AgreesWithOnnx) {
  const auto expected = golden::read("onnx.txt");
  for (const Case& c : make_cases()) {
    const Tensor y = c.run();
    std::vector<double> got(y.shape().begin(), y.shape().end());  // the file gives the shape first
    std::ranges::copy(golden::numbers(y), std::back_inserter(got));
    EXPECT_EQ(got, expected.at(c.name)) << c.name;
  }
}

}  // namespace
}  // namespace faltung::nn
