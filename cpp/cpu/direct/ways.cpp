#include "cpp/cpu/direct/ways.hpp"

#include <algorithm>
#include <limits>

#include "cpp/core/order.hpp"
#include "cpp/core/single_thread.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/direct/pieces/piece_task.hpp"
#include "cpp/cpu/in_result/in_result_task.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/direct/depthwise/depthwise_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/dots/dots_task.hpp"
#include "cpp/cpu/direct/gradient/gradient_policy.hpp"
#include "cpp/cpu/direct/gradient/gradient_task.hpp"
#include "cpp/cpu/direct/in_place/in_place_policy.hpp"
#include "cpp/cpu/direct/in_place/in_place_task.hpp"
#include "cpp/cpu/direct/layers/layer_task.hpp"
#include "cpp/cpu/direct/phases/interleaved_task.hpp"
#include "cpp/cpu/direct/phases/phase_task.hpp"
#include "cpp/cpu/direct/phases/polyphase_task.hpp"
#include "cpp/cpu/direct/pieces/phase_pieces_task.hpp"
#include "cpp/cpu/direct/pointwise/pointwise_task.hpp"
#include "cpp/cpu/direct/separable/separable_task.hpp"
#include "cpp/cpu/direct/stencil/stencil_task.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung::direct {
namespace {

using Int = std::uint32_t;
using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

// Calls f with a zero of the problem's accumulator if that is one of Accs, else gives `otherwise`.
template <typename... Accs, typename Result, typename F>
Result with_sums(const Problem& p, Result otherwise, F&& f) {
  return visit_accumulator(p.accumulator, [&](auto zero) -> Result {
    if constexpr ((std::is_same_v<decltype(zero), Accs> || ...)) return f(zero);
    return std::move(otherwise);
  });
}

template <template <typename> typename TaskOf, typename... Accs>
bool serves(const Problem& p) {
  return with_sums<Accs...>(p, false, [&](auto zero) { return TaskOf<decltype(zero)>::serves(p); });
}

template <template <typename> typename TaskOf, typename... Accs>
std::unique_ptr<Task> make(const Problem& p) {
  return with_sums<Accs...>(p, std::unique_ptr<Task>(),
                            [&](auto zero) { return std::make_unique<TaskOf<decltype(zero)>>(p); });
}

// What falls back on DirectTask for some data needs its window, too.
bool has_window(const Problem& p) {
  return window_values(p.axes.back(), choose(p).columns) <= max_window;
}

#ifdef FALTUNG_HAVE_HIGHWAY

// A way whose task says what it serves, for sums of these types.
template <template <typename> typename TaskOf, typename... Accs>
constexpr DirectWay way(std::string_view name, std::string_view takes, double (*us)(const Problem&),
                        Taken taken = Taken::always, KeepsOrder order = KeepsOrder::never) {
  return {{.name = name,
           .takes = takes,
           .serves = [](const Problem& p) { return has_window(p) && serves<TaskOf, Accs...>(p); },
           .us = us,
           .make = make<TaskOf, Accs...>,
           .taken = taken},
          true,
          order};
}

// The same for sums in the order of the definition.
template <template <typename> typename TaskOf, typename... Accs>
constexpr DirectWay ordered_way(std::string_view name, std::string_view takes,
                                double (*us)(const Problem&), KeepsOrder order) {
  return way<TaskOf, Accs...>(name, takes, us, Taken::always, order);
}

template <typename Acc>
using InPlace = InPlaceTask<Acc>;
template <typename>  // sums of f32
using InPlaceBytes = InPlaceTask<float, std::uint8_t>;
template <typename>
using BFloat16Panels = PanelTask<BFloat16Pair>;
template <typename>
using Int16Panels = PanelTask<Int16Pair>;
template <typename>
using Pairs = StencilTask<Int16Pair>;

template <std::int64_t merged>
double panels_us(const Problem& p) {
  return choose_panels(p, widest_tile(p.accumulator, merged)).microseconds;
}

// One sum, whose taps other ways meet in the order of the formula: not a single row of them, which
// stencils take several vectors at once.
bool serves_turned(const Problem& p) {
  constexpr std::int64_t few_columns = 4;  // 8 of volumes of 4096x8x8 are slower: 0.67 ms, not 0.59
  if (p.axes.back().output() > few_columns) return false;
  const auto turned = turned_rows(p);
  return turned && p.axes[p.rank() - 2].filter > 1 && sum_steps(sum_extents(p)) == sum_extents(p) &&
         has_window(turned->problem) && serves<StencilTask, float, double, Int>(turned->problem);
}

std::unique_ptr<Task> make_turned(const Problem& p) {
  const TurnedRows turned = *turned_rows(p);
  const TapOrder order = turned.last_was_first ? TapOrder::last_first : TapOrder::last_second;
  return with_sums<float, double, Int>(p, std::unique_ptr<Task>(), [&](auto zero) {
    return std::make_unique<StencilTask<decltype(zero)>>(turned.problem, p, order);
  });
}

double rate_us(const Problem& p) { return polyphase_us(p, *choose_polyphase(p)); }

#endif

std::unique_ptr<InResultTask> make_in_result(const Problem& p);

bool serves_in_result(const Problem& p) { return fits_in_pieces(p) && InResultTask::serves(p); }

// A guess: what is cut compares its parts with pieces, so that it is no slower than these.
double in_result_us(const Problem& p) {
  constexpr double slower = 1.3;
  const DirectWay* way = choose_way(ways_with_workspace(), p);
  return way != nullptr ? std::min(slower * way->us(p), pieces_us(p)) : pieces_us(p);
}

std::unique_ptr<Task> make_pieces(const Problem& p) {
#ifdef FALTUNG_HAVE_HIGHWAY
  if (PhasePiecesTask::serves(p)) return std::make_unique<PhasePiecesTask>(p);
#endif
  return make<PieceTask, float, double, Complex64, Complex128, Int, std::uint64_t>(p);
}

constexpr DirectWay all_ways[] = {
#ifdef FALTUNG_HAVE_HIGHWAY
    way<SeparableTask, float, double, Int>(
        "separable", "filters declared to be outer products, where that is faster", separable_us,
        Taken::if_faster),
    way<DotsTask, float, double>(
        "dots",
        "forward, f32 or f64 sums, no input dilation, where sums over rows of taps or of "
        "channels are faster",
        dots_us, Taken::if_faster),
    {{.name = "turned",
      .takes = "forward, single channels with rows of at most 4 outputs beside a longer axis, taps "
               "along both, to 511, real and 32-bit sums",
      .serves = serves_turned,
      .us = [](const Problem& p) { return vector_us(turned_rows(p)->problem); },
      .make = make_turned}},
    ordered_way<DepthwiseTask, float, double, Int>(
        "depthwise",
        "forward, one input channel in a group, channels side by side in memory, real and 32-bit "
        "sums",
        depthwise_us, KeepsOrder::if_fused),
    way<BFloat16Panels, float>("panels_bf16",
                               "as panels, bf16 input and filter where they lie, on AVX512_BF16",
                               panels_us<2>),
    way<Int16Panels, Int>("panels_i16",
                          "as panels, input and filter of type i8, u8 or i16, sums in i32",
                          panels_us<2>),
    ordered_way<PointwiseTask, float, double>(
        "pointwise",
        "forward, one tap and stride 1, 2 to 511 input channels and at most 16 output channels in "
        "a group, 8 with rows of less than 64 places, f32 or f64, neighbours of a row side by side "
        "in memory, on AVX-512 and AVX2",
        pointwise_us, KeepsOrder::if_fused),
    ordered_way<PanelTask, float, double>(
        "panels",
        "forward, 1-D to 3-D, f32 or f64 sums, at least 32 output "
        "channels in a group, or 8 with short rows or one tap",
        panels_us<1>, KeepsOrder::if_fused),
    ordered_way<ChannelTask, float, double>(
        "channels", "the same with 4 output channels or more, whatever the rows", vector_us,
        KeepsOrder::if_fused),
    ordered_way<InPlace, float, double>(
        "in_place",
        "forward, 2-D and 3-D, input and sums f32 or f64, no dilation along rows, stride 1 along "
        "them or 2 with zeros beyond them, at most 8 taps in a row and 2,048 rows of all channels "
        "under some of outputs, on AVX-512 and AVX2; but neither two rows of taps nor doubles "
        "under one row or dilated ones without a stride",
        in_place_us, KeepsOrder::if_fused),
    ordered_way<InPlaceBytes, float>("in_place_u8",
                                     "the same with input of type u8 and sums in f32", in_place_us,
                                     KeepsOrder::if_fused),
    way<Pairs, Int>("pairs",
                    "other forward problems, input of type i8, u8 or i16, sums in i32, stride and "
                    "dilation 1 along rows",
                    vector_us),
    ordered_way<StencilTask, float, double, Complex64, Complex128, Int>(
        "stencil", "other forward problems, complex sums too, but not of 64-bit integers",
        vector_us, KeepsOrder::always),
    way<GradientTask, float, double>("gradient", "filter gradients of real sums, to three axes",
                                     gradient_us),
    {{.name = "polyphase",
      .takes = "changes of rate, where that is faster: input dilation along one axis of lines, one "
               "input channel in a group, real and complex sums",
      .serves = [](const Problem& p) { return choose_polyphase(p).has_value(); },
      .us = rate_us,
      .make = make<PolyphaseTask, float, double, Complex64, Complex128>,
      .taken = Taken::if_faster}},
    way<InterleavedTask, float, double>(
        "interleaved",
        "input dilation and data gradients with a stride, one input channel in a group, f32 or "
        "f64, "
        "1-D to 3-D, with zeros beyond the boundary, at most 4 between neighbours of a row and 64 "
        "taps, no stride along rows, on AVX-512 and AVX2",
        interleaved_us),
    way<PhaseTask, float, double, Complex64, Complex128, Int>(
        "phases",
        "data gradients with a stride, in groups or complex, and other forward problems with input "
        "dilation: a forward problem for each phase of the result",
        phases_us),
#endif
    {{.name = "rows",
      .takes = "everything else: more axes, more than 64 phases, filters with NaN or infinity",
      .serves = has_window,
      .us = plain_us,
      .make = make<DirectTask, float, double, Complex64, Complex128, Int, std::uint64_t>},
     false,
     KeepsOrder::always},
    {{.name = "pieces",
      .takes = "under a workspace limit, what fits in no other way; taps of a row that reach over "
               "more than 2^21 values",
      .serves = fits_in_pieces,
      .us = pieces_us,
      .make = make_pieces}},
    {{.name = "in_result",
      .takes =
          "under a workspace limit, results without gaps in memory: another way for part after "
          "part of the result, with what is not yet written as workspace",
      .serves = serves_in_result,
      .us = in_result_us,
      .make = [](const Problem& p) -> std::unique_ptr<Task> { return make_in_result(p); }}},
};

// A part that needs at most so many bytes; what it computes is the same for any threads.
InResultTask::Made part_within(const Problem& given, std::size_t bytes) {
  const Problem p = lowered(given);
  const DirectWay* way = choose_way(ways_with_workspace(), p);
  if (way == nullptr) return {};
  const auto make = [&](int count) {
    const ScopedThreads some(count);
    auto task = way->make(p);
    return task->workspace_bytes() <= bytes ? std::move(task) : nullptr;
  };
  auto task = make(1);
  const int most = task != nullptr && bytes > InResultTask::stack_bytes ? threads() : 1;
  for (int count = most; count > 1; --count) {
    if (auto shared = make(count)) return {std::move(shared), way->us(p)};
  }
  return {std::move(task), way->us(p)};
}

std::unique_ptr<InResultTask> make_in_result(const Problem& p) {
  const InResultTask::Without pieces{
      .us =
          [](const Problem& q) {
            const Problem part = lowered(q);
            return fits_in_pieces(part) ? pieces_us(part) : std::numeric_limits<double>::infinity();
          },
      .make = [](const Problem& q) { return make_pieces(lowered(q)); }};
  return std::make_unique<InResultTask>(p, part_within, pieces);
}

// Whether the vector kernels' products and sums are rounded once, on the machine planned for.
bool fuses_products() {
#ifdef FALTUNG_HAVE_HIGHWAY
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  const std::string set = elsewhere == nullptr ? cpu_target() : elsewhere->instruction_set;
  return set == "avx512" || set == "avx2" || set == "neon";
#else
  return false;
#endif
}

bool keeps_order(const DirectWay& way) {
  switch (way.order) {
    case KeepsOrder::always:
      return true;
    case KeepsOrder::if_fused:
      return fuses_products();
    case KeepsOrder::never:
      break;
  }
  return false;
}

}  // namespace

std::span<const DirectWay> ways() { return all_ways; }

std::span<const DirectWay> ways_with_workspace() {
  constexpr std::size_t without = 2;
  static_assert(all_ways[std::size(all_ways) - without].name == "pieces");
  return std::span(all_ways).first(std::size(all_ways) - without);
}

const DirectWay* choose_direct_way(const Problem& p, std::string_view wanted,
                                   std::string& refusal) {
  if (!needs_order(p)) {
    const DirectWay* way = choose_way(ways(), p, wanted, refusal);
    if (wanted.empty()) refusal.clear();
    return way;
  }
  refusal = order_refusal(p);
  if (!refusal.empty()) return nullptr;
  if (p.pass != Pass::forward) {
    refusal =
        "has an order for data gradients of dense and of depthwise layers alone, with zeros or "
        "constants beyond the boundary";
    return nullptr;
  }
  for (const DirectWay& way : ways()) {
    const bool asked = wanted.empty() || way.name == wanted;
    if (asked && keeps_order(way) && way.serves(p)) return &way;
    if (way.name != wanted) continue;
    refusal = keeps_order(way) ? message(wanted, " takes ", way.takes)
                               : message(wanted, " sums in an order of its own");
  }
  return nullptr;
}

#ifdef FALTUNG_HAVE_HIGHWAY
const DirectWay* forward_way(const Problem& p) {
  constexpr std::size_t first = 2, count = 11;
  static_assert(all_ways[first].name == "turned");
  static_assert(all_ways[first + count - 1].name == "stencil");
  return choose_way(ways().subspan(first, count), p);
}
#endif

}  // namespace faltung::direct
