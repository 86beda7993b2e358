#include "cuda/direct/direct_choice.hpp"

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/direct_policy.hpp"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/direct/slab_policy.hpp"

namespace faltung::cuda::direct {
namespace {

// What is gathered.
DType x_type(const Problem& p) { return p.pass == Pass::forward ? p.input : p.output; }

// Whether the elements of x and y are accumulators, stored as they are.
bool native(const Problem& p) {
  return x_type(p) == p.accumulator && p.result_dtype() == p.accumulator &&
         p.epilogue == Epilogue{};
}

// Elements of one or two bytes, which walk_kernel unpacks.
bool narrow_integer(DType type) { return is_integer(type) && size_of(type) <= 2; }

bool walks(const Problem& p, const Geometry& g) {
  const DType x = x_type(p);
  const DType sums = p.accumulator;
  const bool types = ((sums == DType::f32 || sums == DType::f64) && x == sums) ||
                     ((sums == DType::f32 || sums == DType::i32) && narrow_integer(x));
  return types && can_walk(g, static_cast<int>(size_of(sums)));
}

bool is_fir(const Problem& p, const Geometry& g) {
  const DType type = p.accumulator;
  return (type == DType::f32 || type == DType::f64 || type == DType::c64) && can_fir(g);
}

// Matrix instructions take taps and elements of one half type, or any taps with bytes.
bool is_band(const Problem& p, const Geometry& g) {
  const DType x = x_type(p);
  const bool types = x == DType::u8 || ((x == DType::f16 || x == DType::bf16) && p.filter == x);
  const DType y = p.result_dtype();
  return p.accumulator == DType::f32 && types && p.epilogue == Epilogue{} &&
         (y == DType::u8 || y == DType::f16 || y == DType::bf16 || y == DType::f32) && can_band(g);
}

}  // namespace

double Choice::error(const Problem& p, const Geometry& g) const {
  if (kernel == Kernel::band) return band_error(g);
  double terms = static_cast<double>(g.group_inputs);
  for (const AxisGeometry& axis : g.axis) terms *= static_cast<double>(axis.filter);
  return sum_error(terms, p.accumulator);
}

std::string Choice::policy() const {
  const Tiling& t = tiling;
  switch (kernel) {
    case Kernel::walk:
      return message("strips of ", t.rows, 'x', t.cols, ", taps in registers",
                     t.general ? ", sums finished in order" : "");
    case Kernel::fir:
      return message("rows of ", t.cols, ", ", t.threads(), " threads, the next row on its way");
    case Kernel::band:
      return message("strips of ", t.rows, 'x', t.cols, " on tensor cores, taps in registers");
    case Kernel::slab:
      return message("slabs of ", t.depth, 'x', t.rows, 'x', t.cols, ", a slice at a time",
                     t.general ? ", sums finished in order" : "");
    case Kernel::patch:
      return message("tiles of ", t.rows, 'x', t.cols, ", patches of ", patch_rows, 'x',
                     patch_columns, " in registers");
    case Kernel::tile:
      break;
  }
  return message("tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "", ", ", t.threads(),
                 " threads, ", t.chunk_rows, 'x', t.chunk_cols, " taps at a time",
                 t.dense ? ", vectors" : "");
}

Choice choose(const Problem& p, const Geometry& g, bool aligned, const DeviceLimits& device) {
  const DType type = p.accumulator;
  const int size = static_cast<int>(size_of(type));
  const double products = p.multiply_adds();
  const double bytes = p.bytes();
  if (is_fir(p, g)) {
    const Tiling t = fir_tiling(g, size, device);
    return {Kernel::fir, t, predict_fir_us(g, t, type, bytes)};
  }
  if (is_band(p, g)) {
    const int input = static_cast<int>(size_of(x_type(p)));
    const Tiling t = band_tiling(g, input, device);
    return {Kernel::band, t, predict_band_us(g, t, p.filter, bytes)};
  }
  if (walks(p, g)) {
    const Tiling t = walk_tiling(g, !(aligned && native(p) && walk_aligned(g, size)), device);
    return {Kernel::walk, t, predict_walk_us(g, t, type, products, bytes)};
  }
  const bool floats = type == DType::f32 && x_type(p) == DType::f32;
  if (floats && can_slab(g)) {
    const Tiling t = slab_tiling(g, !(native(p) && g.axis[2].y_stride == 1), device);
    return {Kernel::slab, t, predict_slab_us(g, t, bytes)};
  }
  const Tiling t = choose_tiling(g, size);
  const Choice tile{Kernel::tile, t, predict_us(g, t, type, products, bytes)};
  if (!floats || !can_patch(g)) return tile;
  const Tiling patches = patch_tiling(g);
  const Choice patch{Kernel::patch, patches, predict_patch_us(g, patches, bytes)};
  return patch.us < tile.us ? patch : tile;
}

}  // namespace faltung::cuda::direct
