#include "cpp/cpu/direct/forward_task.hpp"

#include "cpp/cpu/direct/channel_task.hpp"
#include "cpp/cpu/direct/depthwise_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/dot_task.hpp"
#include "cpp/cpu/direct/in_place_policy.hpp"
#include "cpp/cpu/direct/in_place_task.hpp"
#include "cpp/cpu/direct/panel_task.hpp"
#include "cpp/cpu/direct/stencil_task.hpp"

namespace faltung::direct {

template <typename Acc>
std::unique_ptr<Task> forward_task(const Problem& p) {
  if constexpr (has_depthwise_sums<Acc>) {
    if (DepthwiseTask<Acc>::serves(p)) return std::make_unique<DepthwiseTask<Acc>>(p);
  }
  if constexpr (std::is_floating_point_v<Acc>) {
    if (std::is_same_v<Acc, float> && PanelTask<BFloat16Pair>::serves(p)) {
      return std::make_unique<PanelTask<BFloat16Pair>>(p);
    }
    if (PanelTask<Acc>::serves(p)) return std::make_unique<PanelTask<Acc>>(p);
    if (ChannelTask<Acc>::serves(p)) return std::make_unique<ChannelTask<Acc>>(p);
  }
  if constexpr (std::is_floating_point_v<Acc>) {
    if (InPlaceTask<Acc>::serves(p)) return std::make_unique<InPlaceTask<Acc>>(p);
  }
  if constexpr (std::is_same_v<Acc, float>) {
    using Task = InPlaceTask<float, std::uint8_t>;
    if (Task::serves(p)) return std::make_unique<Task>(p);
  }
  if constexpr (std::is_same_v<Acc, std::uint32_t>) {
    if (PanelTask<Int16Pair>::serves(p)) return std::make_unique<PanelTask<Int16Pair>>(p);
    if (DotTask::serves(p)) return std::make_unique<DotTask>(p);
  }
  if constexpr (!std::is_same_v<Acc, std::uint64_t>) {  // SSE and AVX2 cannot multiply these
    if (StencilTask<Acc>::serves(p)) return std::make_unique<StencilTask<Acc>>(p);
  }
  return nullptr;
}

template std::unique_ptr<Task> forward_task<float>(const Problem&);
template std::unique_ptr<Task> forward_task<double>(const Problem&);
template std::unique_ptr<Task> forward_task<std::complex<float>>(const Problem&);
template std::unique_ptr<Task> forward_task<std::complex<double>>(const Problem&);
template std::unique_ptr<Task> forward_task<std::uint32_t>(const Problem&);
template std::unique_ptr<Task> forward_task<std::uint64_t>(const Problem&);

namespace {

bool reads_in_place(const Problem& p) {
  if (p.accumulator == DType::f64) return InPlaceTask<double>::serves(p);
  return p.accumulator == DType::f32 &&
         (InPlaceTask<float>::serves(p) || InPlaceTask<float, std::uint8_t>::serves(p));
}

}  // namespace

std::optional<double> forward_us(const Problem& p) {
  const bool floating = p.accumulator == DType::f32 || p.accumulator == DType::f64;
  if ((floating || p.accumulator == DType::i32) && DepthwiseTask<float>::serves(p)) {
    return depthwise_us(p);
  }
  if (floating && PanelTask<float>::serves(p)) {
    const bool pairs = PanelTask<BFloat16Pair>::serves(p);
    return choose_panels(p, widest_tile(p.accumulator, pairs ? 2 : 1)).microseconds;
  }
  if (reads_in_place(p)) return in_place_us(p);
  if (PanelTask<Int16Pair>::serves(p)) {
    return choose_panels(p, widest_tile(p.accumulator, 2)).microseconds;
  }
  if (p.accumulator != DType::i64 && StencilTask<float>::serves(p)) return vector_us(p);
  return {};
}

}  // namespace faltung::direct
