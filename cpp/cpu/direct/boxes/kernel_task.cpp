#include "cpp/cpu/direct/boxes/kernel_task.hpp"

#include <faltung/tensor.hpp>

namespace faltung::direct {

struct KernelTask::Prepared final : PreparedFilter {
  Tensor weights;
  std::unique_ptr<PreparedFilter> fallback;  // its form, where there are no weights
};

std::unique_ptr<PreparedFilter> KernelTask::prepare_filter(const Stream& stream,
                                                           const void* w) const {
  const auto bytes = [](std::int64_t count) { return Tensor(DType::u8, {count}); };
  Tensor shared = bytes(static_cast<std::int64_t>(layout_.shared.bytes()));
  auto prepared = std::make_unique<Prepared>();
  prepared->weights = bytes(weight_bytes_);
  void* to = prepared->weights.data();
  const void* made = make_weights(w, to, static_cast<std::byte*>(shared.data()), 1);
  if (made != nullptr && made != to) return nullptr;  // w is read where it lies
  if (made == nullptr) {
    prepared->weights = {};
    prepared->fallback = fallback_->prepare_filter(stream, w);
    if (prepared->fallback == nullptr) return nullptr;  // the same: every run looks at it again
  }
  return prepared;
}

void KernelTask::run(const RunArguments& arguments) const {
  RunArguments others = arguments;
  if (arguments.prepared != nullptr) {
    others.prepared = static_cast<const Prepared&>(*arguments.prepared).fallback.get();
  }
  if (others.prepared != nullptr || !compute(arguments)) fallback_->run(others);
}

const void* KernelTask::make_weights(const void*, void*, std::byte*, int) const { return nullptr; }

const void* KernelTask::weights(const RunArguments& arguments) const {
  if (arguments.prepared != nullptr) {
    return static_cast<const Prepared&>(*arguments.prepared).weights.data();
  }
  return make_weights(arguments.second, weights_.at(arguments.workspace), arguments.workspace,
                      layout_.slots);
}

}  // namespace faltung::direct
