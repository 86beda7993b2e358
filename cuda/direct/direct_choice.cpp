#include "cuda/direct/direct_choice.hpp"

#include "cpp/core/message.hpp"
#include "cuda/direct/direct_policy.hpp"
#include "cuda/direct/fir_policy.hpp"

namespace faltung::cuda::direct {
namespace {

// Whether the elements of x and y are accumulators, stored as they are.
bool native(const Problem& p) {
  const DType x = p.pass == Pass::forward ? p.input : p.output;
  return x == p.accumulator && p.result_dtype() == p.accumulator && p.epilogue == Epilogue{};
}

bool walks(const Problem& p, const Geometry& g) {
  return (p.accumulator == DType::f32 || p.accumulator == DType::f64) && native(p) &&
         can_walk(g, static_cast<int>(size_of(p.accumulator)));
}

bool is_fir(const Problem& p, const Geometry& g) {
  const DType type = p.accumulator;
  return (type == DType::f32 || type == DType::f64 || type == DType::c64) && can_fir(g);
}

}  // namespace

std::string Choice::policy() const {
  const Tiling& t = tiling;
  switch (kernel) {
    case Kernel::walk:
      return message("strips of ", t.rows, 'x', t.cols, ", taps in registers");
    case Kernel::fir:
      return message("rows of ", t.cols, ", ", t.threads(), " threads, the next row on its way");
    case Kernel::tile:
      break;
  }
  return message("tiles of ", t.rows, 'x', t.cols, t.folded ? " in one row" : "", ", ", t.threads(),
                 " threads, ", t.chunk_rows, 'x', t.chunk_cols, " taps at a time",
                 t.dense ? ", vectors" : "");
}

Choice choose(const Problem& p, const Geometry& g, bool aligned) {
  const DType type = p.accumulator;
  const int size = static_cast<int>(size_of(type));
  const double products = p.multiply_adds();
  const double bytes = p.bytes();
  if (aligned && walks(p, g)) {
    const Tiling t = walk_tiling(g);
    return {Kernel::walk, t, predict_walk_us(g, t, type, products, bytes)};
  }
  if (is_fir(p, g)) {
    const Tiling t = fir_tiling(g, size);
    return {Kernel::fir, t, predict_fir_us(g, t, type, products, bytes)};
  }
  const Tiling t = choose_tiling(g, size);
  return {Kernel::tile, t, predict_us(g, t, type, products, bytes)};
}

}  // namespace faltung::cuda::direct
