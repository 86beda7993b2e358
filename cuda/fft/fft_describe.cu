#include "cuda/fft/fft_launch.cuh"
#include "cuda/fft/fused_load.cuh"

namespace faltung::cuda::fft {
namespace {

FusedLoad fused_load(Operand operand, const MoveArguments& a) {
  const Geometry& g = a.geometry;
  FusedLoad load;
  load.from = a.from.data();
  load.marks = a.marks.data();
  load.any = a.any.data();
  load.mark_words = static_cast<std::uint32_t>(mark_words(g));
  load.type = a.type;
  load.conjugate = operand == Operand::w && g.conjugate;
  load.points = Divisor(static_cast<std::uint32_t>(g.points));
  load.columns = Divisor(static_cast<std::uint32_t>(g.block[2].length));
  load.rows = Divisor(static_cast<std::uint32_t>(g.block[1].length));
  load.digit = a.digit;
  set_fused_axes(g, operand, load);
  return load;
}

}  // namespace

void launch_describe(Operand operand, const MoveArguments& a, LaunchQueue queue) {
  const FusedLoad load = fused_load(operand, a);
  visit_operand(operand, [&](auto which) {
    launch(describe_kernel<which()>,
           {.name = "fft describe",
            .grid = exact_grid(pieces(arrays_of(operand, a), threads)),
            .block = threads,
            .stream = queue},
           a, load);
  });
}

}  // namespace faltung::cuda::fft
