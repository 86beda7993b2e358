// cuDNN alone: every algorithm it offers for the problems of a suite, timed as `faltung bench`
// times.
//
//   faltung_cudnn_bench SUITE.txt > cudnn.json
//
// The JSON has the form of bench.peers, so that bench.report takes it as one more --peers file.

#include <cuda_runtime_api.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>

#include "bench/cudnn/algorithms.hpp"
#include "cpp/tools/bench/operands.hpp"
#include "cpp/tools/bench/suite.hpp"
#include "cpp/tools/bench/timer.hpp"
#include "cuda/runtime/check.hpp"

namespace faltung::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t ranked = 8;  // of what its heuristics propose; every engine is timed anyway
constexpr Effort effort{.min_samples = 15, .min_seconds = 0.02, .max_seconds = 2};
constexpr std::uint64_t seed = 20261120;

class Handle {
 public:
  explicit Handle(const Stream& stream) {
    cudnn::check(cudnn::functions().create(&handle_), "cudnnCreate");
    cudnn::check(cudnn::functions().set_stream(handle_, static_cast<cudaStream_t>(stream.handle)),
                 "cudnnSetStream");
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { (void)cudnn::functions().destroy(handle_); }
  [[nodiscard]] cudnn::Handle get() const { return handle_; }

 private:
  cudnn::Handle handle_ = nullptr;
};

// The tensors of a problem on the device, by their roles.
struct Placed {
  Tensor x, w, y;
};

Placed place(const Problem& problem, const Device& device) {
  const Operands operands = make_operands(problem, seed);
  Tensor first = operands.first.to(device);
  Tensor second = operands.second.to(device);
  Tensor result = operands.result.to(device);
  switch (problem.pass) {
    case Pass::backward_data:
      return {std::move(result), std::move(second), std::move(first)};
    case Pass::backward_filter:
      return {std::move(first), std::move(result), std::move(second)};
    case Pass::forward:
      break;
  }
  return {std::move(first), std::move(second), std::move(result)};
}

Summary time_algorithm(const Algorithm& algorithm, const Placed& placed, const Handle& handle,
                       const Device& device, Timer& timer) {
  const Tensor workspace(u8, {static_cast<std::int64_t>(algorithm.workspace_bytes)}, device);
  const std::array<std::int64_t, 3> ids = {cudnn::x_id, cudnn::w_id, cudnn::y_id};
  const std::array<const void*, 3> data = {placed.x.data(), placed.w.data(), placed.y.data()};
  Descriptor pack(cudnn::Kind::variant_pack);
  pack.set(cudnn::Attribute::pack_ids, cudnn::ValueType::int64, std::span<const std::int64_t>(ids))
      .set(cudnn::Attribute::pack_pointers, cudnn::ValueType::pointer,
           std::span<const void* const>(data))
      .set(cudnn::Attribute::pack_workspace, cudnn::ValueType::pointer, workspace.data())
      .finalize();
  const auto work = [&] {
    cudnn::check(cudnn::functions().execute(handle.get(), algorithm.plan.get(), pack.get()),
                 "cudnnBackendExecute");
  };
  return measure(timer, work, Cache::cold, effort);
}

Json json_of(const Summary& times, const Algorithm& algorithm) {
  return {{"samples", times.samples},     {"median_us", times.median * 1e6},
          {"p10_us", times.p10 * 1e6},    {"p90_us", times.p90 * 1e6},
          {"noisy", times.noise() > 0.1}, {"workspace_bytes", algorithm.workspace_bytes},
          {"notes", algorithm.notes}};
}

// Both layouts of the same problem, every algorithm of each.
Json time_problem(const Entry& entry, const Device& device, const Handle& handle, Timer& timer) {
  const Descriptor described = cudnn::device_of(device.index);
  Json peers = Json::object(), failed = Json::object();
  const Problem* const given = entry.problem();
  const std::string reason =
      given == nullptr ? "the meaning of a front end" : cudnn::unsupported_reason(*given);
  if (!reason.empty()) failed["cudnn"] = "cuDNN has no convolution with " + reason;
  for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
    if (!reason.empty()) break;
    Problem problem = *given;
    problem.layout = layout;
    const std::string prefix = layout == Layout::channels_first ? "cudnn_nchw_" : "cudnn_nhwc_";
    try {
      const Placed placed = place(problem, device);
      for (const Algorithm& one : algorithms(described, problem, ranked)) {
        try {
          peers[prefix + one.name] =
              json_of(time_algorithm(one, placed, handle, device, timer), one);
        } catch (const DeviceError& error) {
          failed[prefix + one.name] = error.what();
        }
      }
    } catch (const DeviceError& error) {
      failed[prefix + "graph"] = error.what();
    }
  }
  return {{"problem", entry.text}, {"family", entry.family}, {"peers", peers}, {"failed", failed}};
}

Json machine(const Device& device) {
  cudaDeviceProp properties{};
  cuda::check(cudaGetDeviceProperties(&properties, device.index), "describe device ", device.index);
  return {{"gpu", properties.name}, {"cudnn", cudnn::functions().version()}};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[11] = {};
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

void run(const std::string& path) {
  const Device device = Device::cuda(0);
  const auto entries = read_suite(path);
  const auto timer = make_timer(device);
  const Handle handle(timer->stream());
  Json records = Json::array();
  for (const Entry& entry : entries) {
    records.push_back(time_problem(entry, device, handle, *timer));
    std::fprintf(stderr, "[%zu/%zu] %s\n", records.size(), entries.size(), entry.text.c_str());
  }
  const Json report = {{"device", "cuda"},
                       {"threads", 1},
                       {"versions", {{"cudnn", std::to_string(cudnn::functions().version())}}},
                       {"missing", Json::object()},
                       {"machine", machine(device)},
                       {"date", today()},
                       {"records", records}};
  std::printf("%s\n", report.dump(1).c_str());
}

}  // namespace
}  // namespace faltung::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: faltung_cudnn_bench SUITE.txt > cudnn.json\n");
    return 2;
  }
  try {
    faltung::bench::run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faltung_cudnn_bench: %s\n", error.what());
    return 1;
  }
}
