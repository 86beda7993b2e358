#pragma once

#include "cuda/primitives/memory.cuh"

namespace faltung::cuda {

/// The cells of rows of `columns` cells that one of `threads` threads visits, every threads-th from
/// cell `first` on. Divides once; next() steps.
template <typename Int = int>
struct Cells {
  Int row, column;

  __device__ __forceinline__ Cells(Int first, Int threads, Int columns)
      : row(first / columns),
        column(first - row * columns),
        columns_(columns),
        rows_on_(threads / columns),
        columns_on_(threads - rows_on_ * columns) {}

  /// Steps by rows_on() rows and columns_on() columns; true if that is one row more and `columns`
  /// columns less.
  __device__ __forceinline__ bool next() {
    row += rows_on_;
    column += columns_on_;
    if (column < columns_) return false;
    column -= columns_;
    ++row;
    return true;
  }
  __device__ __forceinline__ Int rows_on() const { return rows_on_; }
  __device__ __forceinline__ Int columns_on() const { return columns_on_; }

 private:
  Int columns_, rows_on_, columns_on_;
};

}  // namespace faltung::cuda
