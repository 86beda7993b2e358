#pragma once

#include <cstddef>

#include "cuda/im2col/im2col_task.hpp"
#include "cuda/im2col/products.hpp"

namespace faltung::cuda::im2col {

/// The matrices of all chunks, and where those that are copies lie in a workspace.
struct Layout {
  Operands operands;
  std::size_t x = 0, y = 0, w = 0;  ///< offsets of copies and sums
  std::size_t bytes = 0;            ///< past them
};

[[nodiscard]] Layout lay_out(const Call& call);

}  // namespace faltung::cuda::im2col
