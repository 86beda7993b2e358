#pragma once

#include <algorithm>

#include "cuda/fft/load_kernel.cuh"
#include "cuda/fft/non_finite_kernel.cuh"
#include "cuda/fft/product_kernel.cuh"
#include "cuda/fft/store_kernel.cuh"

/// The launches that fft_f32.cu and fft_f64.cu make.
namespace faltung::cuda::fft {

inline std::int64_t pieces(std::int64_t elements, std::int64_t piece) {
  return (elements + piece - 1) / piece;
}

/// f with the operand as a constant.
template <typename F>
void visit_operand(Operand operand, const F& f) {
  switch (operand) {
    case Operand::x:
      return f(std::integral_constant<Operand, Operand::x>{});
    case Operand::w:
      return f(std::integral_constant<Operand, Operand::w>{});
    case Operand::y:
      return f(std::integral_constant<Operand, Operand::y>{});
  }
}

constexpr const char* load_names[] = {"fft load x", "fft load w", "fft load y"};
constexpr const char* store_names[] = {"fft store x", "fft store w", "fft store y"};

template <typename T, typename Source>
void launch_load_as(Operand operand, const MoveArguments& a, LaunchQueue queue) {
  const std::int64_t work = arrays_of(operand, a) * pieces(a.geometry.points, chunk);
  visit_operand(operand, [&](auto which) {
    launch(load_kernel<T, Source, which()>,
           {.name = load_names[static_cast<int>(operand)],
            .grid = grid_of(work),
            .block = threads,
            .stream = queue},
           a);
  });
}

template <typename T>
void launch_load(Operand operand, const MoveArguments& a, LaunchQueue queue) {
  if constexpr (std::is_same_v<T, double>) {
    if (a.integers) return launch_load_as<double, std::uint64_t>(operand, a, queue);
  }
  launch_load_as<T, T>(operand, a, queue);
}

template <typename T, typename Acc>
void launch_store_as(Operand operand, const MoveArguments& a, LaunchQueue queue) {
  std::int64_t elements = 1;
  for (int i = 0; i < max_rank; ++i) elements *= stored_extent(operand, a.geometry, i);
  const std::int64_t work =
      arrays_of(operand, a) / blocks_of_item(operand, a.geometry) * pieces(elements, chunk);
  visit_operand(operand, [&](auto which) {
    launch(store_kernel<T, Acc, which()>,
           {.name = store_names[static_cast<int>(operand)],
            .grid = grid_of(work),
            .block = threads,
            .stream = queue},
           a);
  });
}

template <typename T>
void launch_store(Operand operand, const MoveArguments& a, DType accumulator, LaunchQueue queue) {
  if constexpr (std::is_same_v<T, double>) {
    if (accumulator == DType::i32) {
      return launch_store_as<double, std::uint32_t>(operand, a, queue);
    }
    if (accumulator == DType::i64) {
      return launch_store_as<double, std::uint64_t>(operand, a, queue);
    }
  }
  launch_store_as<T, T>(operand, a, queue);
}

/// Most blocks of non_finite_kernel: more than a device runs at once, and few to start where there
/// is nothing to do.
inline constexpr std::int64_t non_finite_blocks = 2048;

template <typename T, Pass pass>
void launch_non_finite_as(Operand operand, const NonFiniteArguments& a, LaunchQueue queue) {
  const std::int64_t work = arrays_of(operand, a.move) *
                            pieces(result_count<pass>(a.move.geometry), results_of_block<pass>);
  launch(non_finite_kernel<T, pass>,
         {.name = "fft non-finite",
          .grid = grid_of(std::min(work, non_finite_blocks)),
          .block = threads,
          .stream = queue},
         a);
}

template <typename T>
void launch_non_finite(Pass pass, const NonFiniteArguments& a, LaunchQueue queue) {
  switch (pass) {
    case Pass::forward:
      return launch_non_finite_as<T, Pass::forward>(Operand::y, a, queue);
    case Pass::backward_data:
      return launch_non_finite_as<T, Pass::backward_data>(Operand::x, a, queue);
    case Pass::backward_filter:
      return launch_non_finite_as<T, Pass::backward_filter>(Operand::w, a, queue);
  }
}

template <typename Part>
void launch_product(const ProductArguments& a, LaunchQueue queue) {
  const auto launch_tiles = [&]<int columns>(std::integral_constant<int, columns>) {
    const std::int64_t work = a.groups * pieces(a.rows, product_rows) * pieces(a.columns, columns) *
                              pieces(a.points, threads);
    launch(product_kernel<Part, columns>,
           {.name = "fft product", .grid = grid_of(work), .block = threads, .stream = queue}, a);
  };
  if (a.columns == 1) {
    launch_tiles(std::integral_constant<int, 1>{});
  } else {
    launch_tiles(std::integral_constant<int, product_columns>{});
  }
}

}  // namespace faltung::cuda::fft
