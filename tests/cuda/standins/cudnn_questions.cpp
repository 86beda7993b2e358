#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/runtime/cudnn_convolution.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "tests/cuda/standins/questions.hpp"

// What is asked of cuDNN.
namespace faltung::test {
namespace {

using namespace cuda::cudnn;  // NOLINT: all of it

std::string plan_of_text() {
  for (const char* line : {"op=fwd dtype=f16 n=8 c=64 k=64 in=28x28 f=3x3 pad=1 layout=nhwc",
                           "op=dgrad dtype=f32 n=8 c=64 k=64 in=28x28 f=3x3 pad=1"}) {
    const Problem p = Problem::parse(line);
    const Choice by_index = choose(p, device_of(0), full_alignment, usual_limit(p));
    const Choice by_text =
        choose(p, device_of(device_text(cuda::gpu_machine(0))), full_alignment, usual_limit(p));
    if (by_index.kernel() != by_text.kernel()) {
      return message("differ: engines ", by_index.engine, " and ", by_text.engine);
    }
  }
  return "equal";
}

// Results of cuda.cudnn where all of x and of w is one number.
Tensor result_of(const std::string& line, const std::function<void(void*, std::size_t)>& fill_x,
                 const std::function<void(void*, std::size_t)>& fill_w) {
  const Problem p = Problem::parse(line);
  const Device gpu = Device::cuda(0);
  Tensor x = Tensor::zeros(p.input, p.x_shape()), w = Tensor::zeros(p.filter, p.w_shape());
  fill_x(x.data(), x.bytes());
  fill_w(w.data(), w.bytes());
  Tensor y = Tensor::zeros(p.output, p.y_shape(), gpu);
  const Tensor bias = Tensor::zeros(p.bias_dtype(), {p.out_channels}, gpu);
  const Plan plan = Plan::make(p, gpu, {.engine = "cuda.cudnn"});
  plan.run(Stream{gpu}, x.to(gpu), w.to(gpu), y, {},
           p.epilogue.bias ? bias.view() : ConstTensorView{});
  return y.to(Device::cpu());
}

std::string bytes_saturate() {
  std::string found;
  for (const int value : {127, -128}) {
    const Tensor y = result_of(
        "op=fwd dtype=i8 overflow=saturate layout=nhwc c=16 k=16 in=4x4 f=1x1",
        [&](void* data, std::size_t bytes) { std::memset(data, value, bytes); },
        [&](void* data, std::size_t bytes) { std::memset(data, 127, bytes); });
    found += message(found.empty() ? "" : ", ", int{y.values<std::int8_t>()[0]});
  }
  return found;
}

std::string relu_of_nan() {
  const auto fill = [](float value) {
    return [value](void* data, std::size_t bytes) {
      std::fill_n(static_cast<float*>(data), bytes / sizeof(float), value);
    };
  };
  const Tensor y = result_of("op=fwd dtype=f32 layout=nhwc c=8 k=8 in=4x4 f=1x1 bias=1 act=relu",
                             fill(std::numeric_limits<float>::quiet_NaN()), fill(1));
  return std::isnan(y.values<float>()[0]) ? "NaN" : "a number";
}

}  // namespace

std::vector<Question> cudnn_questions() {
  return {
      {"cudnn.plan_of_text", plan_of_text},
      {"cudnn.bytes_saturate", bytes_saturate},
      {"cudnn.relu_of_nan", relu_of_nan},
  };
}

}  // namespace faltung::test
