#include "cuda/cudnn/cudnn_measure.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/half.hpp>
#include <faltung/tensor.hpp>

#include "cpp/core/message.hpp"
#include "cuda/cudnn/choice_store.hpp"
#include "cuda/cudnn/cudnn_run.hpp"
#include "cuda/runtime/check.hpp"

namespace faltung::cuda::cudnn {
namespace {

template <typename T>
void fill(Tensor& tensor, std::uint64_t seed) {
  auto* const values = static_cast<T*>(tensor.data());
  const std::int64_t count = element_count(tensor.shape());
  for (std::int64_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005 + 1442695040888963407;  // Knuth, MMIX
    values[i] = static_cast<T>(static_cast<float>(static_cast<int>(seed >> 40) % 3 - 1));
  }
}

// -1, 0 and 1 at random: sums are whole, and of any order.
Tensor whole_numbers(DType type, const Shape& shape, const Device& device, std::uint64_t seed) {
  Tensor tensor = Tensor::zeros(type, shape);
  switch (type) {
    case DType::f64:
      fill<double>(tensor, seed);
      break;
    case DType::f16:
      fill<Half>(tensor, seed);
      break;
    case DType::bf16:
      fill<BFloat16>(tensor, seed);
      break;
    case DType::i8:
      fill<std::int8_t>(tensor, seed);
      break;
    default:
      fill<float>(tensor, seed);
  }
  return tensor.to(device);
}

class OwnStream {
 public:
  OwnStream() {
    cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
  }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  ~OwnStream() { (void)cudaStreamDestroy(stream_); }
  [[nodiscard]] cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// The problem on memory of its own.
class Trial {
 public:
  Trial(const Call& call, const Descriptor& device, HandlePool& pool, std::size_t workspace)
      : p_(call.problem),
        device_(device),
        pool_(pool),
        first_(whole_numbers(data_ ? p_.output : p_.input, data_ ? p_.y_shape() : p_.x_shape(),
                             call.device, 1)),
        second_(whole_numbers(filter_ ? p_.output : p_.filter,
                              filter_ ? p_.y_shape() : p_.w_shape(), call.device, 2)),
        result_(Tensor::zeros(p_.result_dtype(), p_.result_shape(), call.device)),
        bias_(whole_numbers(p_.bias_dtype(), {p_.result_channels()}, call.device, 3)),
        workspace_(Tensor::zeros(DType::u8, {static_cast<std::int64_t>(workspace)}, call.device)),
        tensors_(p_, {.stream = {},
                      .first = first_.data(),
                      .second = second_.data(),
                      .result = result_.data(),
                      .bias = bias_.data()}),
        stream_{call.device, own_.get()} {}

  // Seconds of a run; none if it fails, or gives other bits than the first that did not.
  std::optional<double> time(const Choice& choice) {
    try {
      const Descriptor plan = plan_of(choice.plan, device_);
      cuda::check(cudaMemsetAsync(result_.data(), 0, bytes(), own_.get()), "clear a result");
      run(choice, plan);
      if (!is_right()) return {};
      double min = std::numeric_limits<double>::infinity();
      for (int i = 0; i < 5; ++i) min = std::min(min, run(choice, plan));
      return min;
    } catch (const DeviceError&) {
      return {};
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  double run(const Choice& choice, const Descriptor& plan) {
    const void* workspace = choice.workspace_bytes == 0 ? nullptr : workspace_.data();
    const Clock::time_point begin = Clock::now();
    execute(pool_, plan, tensors_, workspace, stream_);
    cuda::check(cudaStreamSynchronize(own_.get()), "run a plan of cuDNN");
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(element_count(result_.shape())) * size_of(result_.dtype());
  }
  bool is_right() {
    Tensor here = result_.to(Device::cpu());
    if (expected_) return std::memcmp(expected_->data(), here.data(), bytes()) == 0;
    expected_ = std::move(here);
    return true;
  }

  const Problem& p_;
  const Descriptor& device_;
  HandlePool& pool_;
  const bool data_ = p_.pass == Pass::backward_data, filter_ = p_.pass == Pass::backward_filter;
  OwnStream own_;
  Tensor first_, second_, result_, bias_, workspace_;
  Tensors tensors_;
  Stream stream_;
  std::optional<Tensor> expected_;
};

}  // namespace

Ready fastest(const Call& call, const Descriptor& device, HandlePool& pool, std::size_t limit) {
  ChoiceStore& store = ChoiceStore::of_process();
  const std::string key = key_of(call.problem, device, full_alignment, limit) + " measured";
  if (std::optional<Ready> ready = ready_of(store, key, device)) return *std::move(ready);
  const std::vector<Choice> choices = every_choice(call.problem, device, full_alignment, limit);
  std::size_t workspace = 0;
  for (const Choice& choice : choices) workspace = std::max(workspace, choice.workspace_bytes);
  Trial trial(call, device, pool, workspace);
  const Choice* best = nullptr;
  double min = std::numeric_limits<double>::infinity();
  for (const Choice& choice : choices) {
    const std::optional<double> seconds = trial.time(choice);
    if (!seconds || *seconds >= min) continue;
    min = *seconds;
    best = &choice;
  }
  if (best == nullptr) {
    throw DeviceError(message("none of ", choices.size(), " plans of cuDNN for [", call.problem,
                              "] within a workspace of ", limit, " bytes runs"));
  }
  store.keep(key, *best);
  return {*best, plan_of(best->plan, device)};
}

}  // namespace faltung::cuda::cudnn
