#include "cuda/direct/direct_choice.hpp"

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cuda/direct/direct_runs.hpp"

namespace faltung::cuda::direct {
namespace {

// What is gathered.
DType x_type(const Problem& p) { return p.pass == Pass::forward ? p.input : p.output; }

// Whether the elements of x and y are accumulators, stored as they are.
bool native(const Problem& p) {
  return x_type(p) == p.accumulator && p.result_dtype() == p.accumulator &&
         p.epilogue == Epilogue{};
}

int sum_bytes(const Problem& p) { return static_cast<int>(size_of(p.accumulator)); }

// Elements of one or two bytes, which walk_kernel unpacks.
bool narrow_integer(DType type) { return is_integer(type) && size_of(type) <= 2; }

double microseconds(const Call& call, const auto& tiling) {
  const Problem& p = call.problem;
  return predict(call.gpu, run_of(call.geometry, tiling, p.accumulator, x_type(p), p.bytes())).us;
}

bool is_fir(const Call& call) {
  const DType type = call.problem.accumulator;
  return (type == DType::f32 || type == DType::f64 || type == DType::c64) && can_fir(call.geometry);
}

Choice cut_fir(const Call& call, bool) {
  const auto& [p, g, gpu] = call;
  const auto t = fir_tiling(g, sum_bytes(p), gpu.limits);
  return {t, microseconds(call, t)};
}

// Matrix instructions take taps and elements of one half type, or any taps with bytes.
bool is_band(const Call& call) {
  const Problem& p = call.problem;
  const DType x = x_type(p);
  const bool types = x == DType::u8 || ((x == DType::f16 || x == DType::bf16) && p.filter == x);
  const DType y = p.result_dtype();
  return p.accumulator == DType::f32 && types && p.epilogue == Epilogue{} &&
         (y == DType::u8 || y == DType::f16 || y == DType::bf16 || y == DType::f32) &&
         can_band(call.geometry);
}

Choice cut_band(const Call& call, bool) {
  const auto& [p, g, gpu] = call;
  const auto t = band_tiling(g, static_cast<int>(size_of(x_type(p))), gpu.limits);
  return {t, microseconds(call, t)};
}

bool walks(const Call& call) {
  const Problem& p = call.problem;
  const DType x = x_type(p);
  const DType sums = p.accumulator;
  const bool types = ((sums == DType::f32 || sums == DType::f64) && x == sums) ||
                     ((sums == DType::f32 || sums == DType::i32) && narrow_integer(x));
  return types && can_walk(call.geometry, sum_bytes(p));
}

Choice cut_walk(const Call& call, bool aligned) {
  const auto& [p, g, gpu] = call;
  const bool general = !(aligned && native(p) && walk_aligned(g, sum_bytes(p)));
  const auto t = walk_tiling(g, general, sum_bytes(p), gpu.limits);
  return {t, microseconds(call, t)};
}

bool floats(const Problem& p) { return p.accumulator == DType::f32 && x_type(p) == DType::f32; }

bool is_slab(const Call& call) { return floats(call.problem) && can_slab(call.geometry); }

Choice cut_slab(const Call& call, bool) {
  const auto& [p, g, gpu] = call;
  const auto t = slab_tiling(g, !(native(p) && g.axis[2].y_stride == 1), gpu.limits);
  return {t, microseconds(call, t)};
}

bool is_patch(const Call& call) { return floats(call.problem) && can_patch(call.geometry); }

Choice cut_patch(const Call& call, bool) {
  const auto t = patch_tiling(call.geometry);
  return {t, microseconds(call, t)};
}

bool is_ordered(const Call& call) { return needs_order(call.problem); }

// What a sum runs over: input channels, then taps.
Extents terms_of(const Geometry& g) {
  return {g.group_inputs, g.axis[0].filter, g.axis[1].filter, g.axis[2].filter};
}

// Whether one running sum would pass more roundings than the same sum in blocks.
bool is_long(const Call& call) {
  const Extents terms = terms_of(call.geometry);
  return (call.problem.accumulator == DType::f32 || call.problem.accumulator == DType::f64) &&
         sum_steps(terms) != terms;
}

Choice cut_ordered(const Call& call, bool) {
  const auto& [p, g, gpu] = call;
  OrderedTiling t;
  const Extents steps = sum_steps(terms_of(g));
  const ChunkLimit limit{.rows = std::min<std::int64_t>(steps[2], 256),
                         .cols = std::min<std::int64_t>(steps[3], 4096),
                         .in_order = true};
  static_cast<ChunkTiling&>(t) = choose_tiling(g, sum_bytes(p), limit);
  std::copy(steps.begin(), steps.end(), t.block);
  return {t, microseconds(call, t)};
}

bool is_tile(const Call&) { return true; }

Choice cut_tile(const Call& call, bool) {
  const auto& [p, g, gpu] = call;
  const auto t = choose_tiling(g, sum_bytes(p));
  return {t, microseconds(call, t)};
}

template <Choice (*cut)(const Call&, bool)>
constexpr KernelWay way(std::string_view name, std::string_view takes, bool (*serves)(const Call&),
                        Taken taken = Taken::always) {
  return {.name = name,
          .takes = takes,
          .serves = serves,
          .us = [](const Call& call) { return cut(call, true).us; },
          .cut = cut,
          .taken = taken};
}

constexpr KernelWay all_ways[] = {
    way<cut_ordered>("in_order", "what math=reproducible asks for, real sums, to three axes",
                     is_ordered),
    way<cut_fir>("fir", "one filter of 2 to 1024 taps along dense rows, sums in f32, f64 or c64",
                 is_fir),
    way<cut_band>("band",
                  "filters to 11x13 of u8 with any taps, f16 and bf16 with taps of the same type, "
                  "no epilogue",
                  is_band),
    way<cut_walk>(
        "walk",
        "3x3, 5x5, 7x7 (f64: to 5x5) in f32 and f64, and of i8, u8, i16, u16 summed in f32 or i32",
        walks),
    way<cut_slab>("slab", "3x3x3 and 5x5x5 in f32", is_slab),
    way<cut_patch>("patch", "6 to 15 columns by up to 33 rows of taps in f32, where that is faster",
                   is_patch, Taken::if_faster),
    way<cut_ordered>("blocks", "sums of 512 products and more in f32 and f64, block by block",
                     is_long),
    way<cut_tile>("tile", "everything else", is_tile),
};

// One line for Plan::explain.
std::string words(const WalkTiling& t) {
  return message("strips of ", t.rows, 'x', t.cols, ", taps in registers",
                 t.general ? ", sums finished in order" : "");
}
std::string words(const FirTiling& t) {
  return message("rows of ", t.cols, ", ", t.threads, " threads, the next row on its way");
}
std::string words(const BandTiling& t) {
  return message("strips of ", t.rows, 'x', t.cols, " on tensor cores, taps in registers");
}
std::string words(const SlabTiling& t) {
  return message("slabs of ", t.depth, 'x', t.rows, 'x', t.cols, ", a slice at a time",
                 t.general ? ", sums finished in order" : "");
}
std::string words(const PatchTiling& t) {
  return message("tiles of ", t.rows, 'x', t.cols, ", patches of ", patch_rows, 'x', patch_columns,
                 " in registers");
}
std::string words(const ChunkTiling& t);
std::string words(const OrderedTiling& t) {
  const auto& [c, z, y, x] = t.block;
  return message("in order, sums of ", c, 'x', z, 'x', y, 'x', x, " products, ",
                 words(static_cast<const ChunkTiling&>(t)));
}
std::string words(const ChunkTiling& t) {
  return message("tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "", ", ", t.threads(),
                 " threads, ", t.chunk_rows, 'x', t.chunk_cols, " taps at a time",
                 t.dense ? ", vectors" : "");
}

double ordered_error(const Problem& p, const Geometry& g, const OrderedTiling& t) {
  const auto& [c, z, y, x] = t.block;
  return sum_error(sum_roundings(terms_of(g), {c, z, y, x}), p.accumulator);
}

}  // namespace

double Choice::error(const Problem& p, const Geometry& g) const {
  if (std::holds_alternative<BandTiling>(tiling)) return band_error(g);
  if (const auto* ordered = std::get_if<OrderedTiling>(&tiling))
    return ordered_error(p, g, *ordered);
  double terms = static_cast<double>(g.group_inputs);
  for (const AxisGeometry& axis : g.axis) terms *= static_cast<double>(axis.filter);
  return sum_error(terms, p.accumulator);
}

std::string Choice::policy() const {
  return std::visit([](const auto& t) { return words(t); }, tiling);
}

std::span<const KernelWay> ways() { return all_ways; }

Choice choose(const Problem& p, const Geometry& g, bool aligned, const GpuMachine& gpu) {
  const Call judged{p, g, reference_gpu_machine()};
  return choose_way(ways(), judged)->cut({p, g, gpu}, aligned);
}

}  // namespace faltung::cuda::direct
