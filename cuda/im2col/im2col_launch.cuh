#pragma once

#include <algorithm>

#include "cuda/im2col/columns_kernel.cuh"
#include "cuda/im2col/store_kernel.cuh"

/// The launches that im2col_columns.cu and im2col_store.cu make.
namespace faltung::cuda::im2col {

/// Blocks of threads for so many elements; they walk on where a grid ends.
inline unsigned blocks_of(std::int64_t elements) {
  return grid_of((elements + threads - 1) / threads);
}
/// Extents of a grid along y and z.
inline unsigned beside(std::int64_t count) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(count, 1, 65535));
}

template <typename T, int count>
void launch_rows(const ColumnsArguments& a, LaunchQueue queue) {
  const Geometry& g = a.geometry;
  int lanes = 1;  // a warp at most, no more than there are channels for
  while (lanes < 32 && lanes * count < g.group_inputs) lanes *= 2;
  launch(rows_kernel<T, count>,
         {.name = "im2col rows",
          .grid = dim3(blocks_of(a.positions * g.taps() * lanes), beside(g.groups)),
          .block = threads,
          .stream = queue},
         a, lanes);
}

template <typename T>
void launch_columns(const ColumnsArguments& a, bool vectors, LaunchQueue queue) {
  const Geometry& g = a.geometry;
  if constexpr (is_complex_value<T>) {  // always in rows
    launch_rows<T, 1>(a, queue);
  } else if (g.rows_fastest) {
    constexpr int count = 16 / static_cast<int>(sizeof(T));
    vectors ? launch_rows<T, count>(a, queue) : launch_rows<T, 1>(a, queue);
  } else {
    launch(columns_kernel<T>,
           {.name = "im2col columns",
            .grid = dim3(blocks_of(a.positions), beside(g.taps()), beside(g.groups)),
            .block = threads,
            .stream = queue},
           a);
  }
}

template <typename T>
void launch_filter(const FilterArguments& a, LaunchQueue queue) {
  launch(filter_kernel<T>,
         {.name = "im2col filter",
          .grid = blocks_of(a.geometry.groups * a.outputs * a.depth),
          .block = threads,
          .stream = queue},
         a);
}

template <typename Acc>
void launch_store(const StoreArguments& a, LaunchQueue queue) {
  const Geometry& g = a.geometry;
  launch(store_kernel<Acc>,
         {.name = "im2col store",
          .grid = blocks_of(g.groups * g.group_outputs * a.chunk.positions()),
          .block = threads,
          .stream = queue},
         a);
}

template <typename Acc>
void launch_gather(const StoreArguments& a, LaunchQueue queue) {
  const Geometry& g = a.geometry;
  launch(gather_kernel<Acc>,
         {.name = "im2col gather",
          .grid = blocks_of(a.chunk.images * g.groups * g.group_inputs * inputs_of(g)),
          .block = threads,
          .stream = queue},
         a);
}

template <typename Acc>
void launch_store_filter(const StoreArguments& a, LaunchQueue queue) {
  const Geometry& g = a.geometry;
  launch(store_filter_kernel<Acc>,
         {.name = "im2col store filter",
          .grid = blocks_of(g.groups * g.group_outputs * g.depth()),
          .block = threads,
          .stream = queue},
         a);
}

}  // namespace faltung::cuda::im2col
