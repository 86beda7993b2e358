#include "tests/cuda/standins/cudnn_convolution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include <faltung/half.hpp>

#include "cuda/primitives/memory.cuh"
#include "tests/cuda/standins/library_kernel.hpp"
#include "tests/cuda/standins/standin.hpp"

namespace faltung::test {
namespace {

using cuda::Global;
using cuda::Vec;
using cuda::cudnn::Kind;
using cuda::cudnn::Type;
using Json = nlohmann::json;

Type type_of(const std::string& name) {
  if (name == "CUDNN_DATA_DOUBLE") return Type::f64;
  if (name == "CUDNN_DATA_HALF") return Type::f16;
  if (name == "CUDNN_DATA_BFLOAT16") return Type::bf16;
  if (name == "CUDNN_DATA_INT8") return Type::i8;
  if (name != "CUDNN_DATA_FLOAT") object("a tensor of cuDNN has a type unknown here: " + name);
  return Type::f32;
}

// Up to three values, for the last axes.
std::array<std::int64_t, 3> last_axes(const Json& values, std::int64_t missing) {
  std::array<std::int64_t, 3> result{missing, missing, missing};
  const std::size_t skipped = 3 - values.size();
  for (std::size_t i = 0; i < values.size(); ++i) result.at(skipped + i) = values[i];
  return result;
}

std::array<std::int64_t, 5> five(const Json& values, std::int64_t missing) {
  const auto spatial = last_axes(Json(values.begin() + 2, values.end()), missing);
  return {values[0], values[1], spatial[0], spatial[1], spatial[2]};
}

// The tensor, as it lies in the pack unless it stands between two operations.
CudnnTensor tensor(const Json& all, const std::string& name, const CudnnPack& pack) {
  for (const Json& one : all) {
    if (one["name"] != name) continue;
    CudnnTensor result;
    result.type = type_of(one["dataType"]);
    result.extent = five(one["dim"], 1);
    result.stride = five(one["stride"], 0);
    result.alignment = one["ptrAlignment"];
    if (one["isVirtual"] == true) return result;
    result.data = pack.find(std::stoll(name));
    if (result.data == nullptr) object("a variant pack of cuDNN lacks tensor " + name);
    if (reinterpret_cast<std::uintptr_t>(result.data) %
            static_cast<std::uintptr_t>(result.alignment) !=
        0) {
      object("tensor " + name + " of cuDNN is less aligned than its plan was promised");
    }
    return result;
  }
  object("a plan of cuDNN has no tensor " + name);
}

std::vector<double> elements_of(const CudnnTensor& tensor) {
  std::vector<double> values;
  visit_number(tensor.type, [&](auto zero) {
    // Not read-only: it may be the result before.
    const Global<decltype(zero)> from(static_cast<decltype(zero)*>(tensor.data));
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      values.push_back(static_cast<double>(decltype(zero)(from[i])));
    }
  });
  return values;
}

void store(const CudnnTensor& tensor, const std::vector<double>& values) {
  visit_number(tensor.type, [&](auto zero) {
    using T = decltype(zero);
    const Global<T> to(static_cast<T*>(tensor.data));
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      const double value = values[static_cast<std::size_t>(i)];
      if constexpr (std::is_same_v<T, double>) {
        to[i] = value;
      } else if constexpr (std::is_same_v<T, std::int8_t>) {
        to[i] = static_cast<T>(std::clamp(value, -128.0, 127.0));
      } else {
        to[i] = T(static_cast<float>(value));  // sums of cuDNN are f32
      }
    }
  });
}

bool meet(const void* first, std::size_t first_bytes, const void* second,
          std::size_t second_bytes) {
  const auto* from = static_cast<const char*>(first);
  const auto* other = static_cast<const char*>(second);
  return from < other + second_bytes && other < from + first_bytes;
}

// Calls f(index) for each of three axes.
template <typename F>
void for_each(const std::array<std::int64_t, 5>& extent, F&& f) {
  std::array<std::int64_t, 3> at{};
  for (at[0] = 0; at[0] < extent[2]; ++at[0]) {
    for (at[1] = 0; at[1] < extent[3]; ++at[1]) {
      for (at[2] = 0; at[2] < extent[4]; ++at[2]) f(at);
    }
  }
}

std::int64_t offset(const CudnnTensor& t, std::int64_t outer, std::int64_t channel,
                    const std::array<std::int64_t, 3>& at) {
  return outer * t.stride[0] + channel * t.stride[1] + at[0] * t.stride[2] + at[1] * t.stride[3] +
         at[2] * t.stride[4];
}

}  // namespace

void* CudnnPack::find(std::int64_t id) const {
  const auto at = static_cast<std::size_t>(std::ranges::find(ids, id) - ids.begin());
  return at < pointers.size() ? pointers[at] : nullptr;
}

std::int64_t CudnnTensor::elements() const {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < 5; ++i) last += (extent.at(i) - 1) * stride.at(i);
  return last + 1;
}

std::size_t CudnnTensor::bytes() const {
  return static_cast<std::size_t>(elements()) *
         visit_number(type, [](auto zero) { return sizeof(zero); });
}

CudnnConvolution::CudnnConvolution(const std::string& plan, const CudnnPack& pack,
                                   std::size_t version) {
  const Json json = Json::parse(plan);
  cudaDeviceProp device{};
  (void)cudaGetDeviceProperties(&device, emulator::machine.current);
  const Json& made_for = json["GPUProfile"];
  if (json["cudnnVersion"] != version) object("a plan of cuDNN was made by another version");
  if (made_for["deviceVer"] != 100 * device.major + 10 * device.minor ||
      made_for["multiProcessorCount"] != device.multiProcessorCount) {
    object("a plan of cuDNN was made for another device");
  }
  const Json& graph = json["operationGraph"];
  const Json& node = graph["nodes"][0];
  const Json& all = graph["tensors"];
  for (const std::int64_t id : pack.ids) {
    if (std::ranges::none_of(all, [&](const Json& t) { return t["name"] == std::to_string(id); })) {
      object("a variant pack of cuDNN has a tensor that the plan has not: " + std::to_string(id));
    }
  }
  const std::string operation = node["operation"];
  const bool data = operation.find("BACKWARD_DATA") != std::string::npos;
  const bool filter = operation.find("BACKWARD_FILTER") != std::string::npos;
  pass_ = data ? Kind::backward_data : filter ? Kind::backward_filter : Kind::forward;
  x_ = tensor(all, node[data ? "dX" : "X"], pack);
  w_ = tensor(all, node[filter ? "dW" : "W"], pack);
  y_ = tensor(all, node[pass_ == Kind::forward ? "Y" : "dY"], pack);
  keeps_nan_ = json["engine"]["engineId"] == 0;  // whose notes say so
  for (std::size_t i = 1; i < graph["nodes"].size(); ++i) add_behind(graph["nodes"][i], all, pack);
  flip_ = node["mode"] == "CUDNN_CONVOLUTION";
  alpha_ = node["alpha"];
  beta_ = node["beta"];
  pad_ = last_axes(node.contains("pad") ? node["pad"] : node["pad_lower"], 0);
  stride_ = last_axes(node["stride"], 1);
  dilation_ = last_axes(node["dilation"], 1);
}

// An operation on the sums before they are stored.
void CudnnConvolution::add_behind(const Json& node, const Json& all, const CudnnPack& pack) {
  const std::string mode = node["pointwiseMode"];
  if (node["alpha1"] != 1.0 || node["alpha2"] != 1.0) object("scales of cuDNN are unknown here");
  if (mode == "CUDNN_POINTWISE_ADD" && bias_.data == nullptr && !relu_) {
    bias_ = tensor(all, node["B"], pack);
  } else if (mode == "CUDNN_POINTWISE_RELU_FWD" && node["lowerClip"] == 0.0 &&
             node["lowerClipSlope"] == 0.0) {
    relu_ = true;
  } else {
    object("an operation of cuDNN is unknown here: " + mode);
  }
  y_ = tensor(all, node["Y"], pack);
}

void CudnnConvolution::finish(std::vector<double>& values,
                              const std::vector<double>& before) const {
  const std::vector<double> bias =
      bias_.data == nullptr ? std::vector<double>{} : elements_of(bias_);
  const auto rounded = [&](double value) {
    return y_.type == Type::f64 ? value : double{static_cast<float>(value)};
  };
  const auto at_element = [&](std::size_t at, std::int64_t channel) {
    double& value = values[at];
    value = alpha_ * value + (beta_ == 0 ? 0 : beta_ * before[at]);
    if (!bias.empty()) {
      value = rounded(rounded(value) + bias[static_cast<std::size_t>(channel * bias_.stride[1])]);
    }
    if (relu_ && !(value > 0) && !(keeps_nan_ && std::isnan(value))) value = 0;
  };
  const CudnnTensor& t = result();
  for (std::int64_t n = 0; n < t.extent[0]; ++n) {
    for (std::int64_t k = 0; k < t.extent[1]; ++k) {
      for_each(t.extent, [&](const std::array<std::int64_t, 3>& o) {
        at_element(static_cast<std::size_t>(offset(t, n, k, o)), k);
      });
    }
  }
}

const CudnnTensor& CudnnConvolution::result() const {
  return pass_ == Kind::forward ? y_ : pass_ == Kind::backward_data ? x_ : w_;
}

void CudnnConvolution::object_to_overlap(const void* workspace, std::size_t bytes) const {
  const CudnnTensor& result = this->result();
  for (const CudnnTensor* tensor : {&x_, &w_, &y_, &bias_}) {
    if (tensor->data == nullptr) continue;
    if (tensor != &result && meet(tensor->data, tensor->bytes(), result.data, result.bytes())) {
      object("cuDNN's result overlaps what it is computed from");
    }
    if (bytes != 0 && meet(tensor->data, tensor->bytes(), workspace, bytes)) {
      object("cuDNN's workspace overlaps its tensors");
    }
  }
}

void CudnnConvolution::load() { load_library_kernel({.registers = 128, .max_threads = 384}); }

void CudnnConvolution::run(void* workspace, std::size_t workspace_bytes,
                           cudaStream_t stream) const {
  object_to_overlap(workspace, workspace_bytes);
  const auto compute = [&] {
    std::vector<double> x, w, y;
    const auto fill = [](const CudnnTensor& tensor, bool result, std::vector<double>& to) {
      if (result) {
        to.assign(static_cast<std::size_t>(tensor.elements()), 0);
      } else {
        to = elements_of(tensor);
      }
    };
    fill(x_, pass_ == Kind::backward_data, x);
    fill(w_, pass_ == Kind::backward_filter, w);
    fill(y_, pass_ == Kind::forward, y);
    const std::int64_t in = w_.extent[1], groups = x_.extent[1] / in;
    const std::int64_t out = y_.extent[1] / groups;
    const auto add = [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      double &a = x[static_cast<std::size_t>(xi)], &b = w[static_cast<std::size_t>(wi)],
             &c = y[static_cast<std::size_t>(yi)];
      if (pass_ == Kind::forward) c += a * b;
      if (pass_ == Kind::backward_data) a += b * c;
      if (pass_ == Kind::backward_filter) b += a * c;
    };
    for (std::int64_t n = 0; n < y_.extent[0]; ++n) {
      for (std::int64_t k = 0; k < y_.extent[1]; ++k) {
        for_each(y_.extent, [&](const std::array<std::int64_t, 3>& o) {
          for_each(w_.extent, [&](std::array<std::int64_t, 3> r) {
            std::array<std::int64_t, 3> at{};
            for (std::size_t a = 0; a < 3; ++a) {
              at[a] = o[a] * stride_[a] + r[a] * dilation_[a] - pad_[a];
              if (at[a] < 0 || at[a] >= x_.extent[2 + a]) return;
              if (flip_) r[a] = w_.extent[2 + a] - 1 - r[a];
            }
            for (std::int64_t c = 0; c < in; ++c) {
              add(offset(x_, n, k / out * in + c, at), offset(w_, k, c, r), offset(y_, n, k, o));
            }
          });
        });
      }
    }
    std::vector<double>& sums = pass_ == Kind::forward ? y : pass_ == Kind::backward_data ? x : w;
    finish(sums, beta_ == 0 ? std::vector<double>{} : elements_of(result()));
    store(result(), sums);
    const Global<float> area(static_cast<float*>(workspace));
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = 0; i < workspace_bytes / sizeof(float); ++i) {
      area[static_cast<std::int64_t>(i)] = nan;
    }
  };
  launch_library_kernel("cudnn", stream, compute);
}

}  // namespace faltung::test
