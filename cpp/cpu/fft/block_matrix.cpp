#include <algorithm>

#include "cpp/cpu/fft/line_cost.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {
namespace {

std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Rows of the matrix that a single axis of this many complex points becomes.
std::int64_t best_rows(std::int64_t points, std::int64_t lanes) {
  std::int64_t best = 1;
  const auto consider = [&](std::int64_t rows) {
    if (cut_cost(rows, points / rows, lanes) < cut_cost(best, points / best, lanes)) best = rows;
  };
  for (std::int64_t divisor = 1; divisor * divisor <= points; ++divisor) {
    if (points % divisor != 0) continue;
    consider(divisor);
    consider(points / divisor);
  }
  return best;
}

}  // namespace

BlockMatrix block_matrix(const Shape& lengths, bool real, std::int64_t lanes) {
  BlockMatrix matrix;
  const std::int64_t points = real ? lengths.back() / 2 : lengths.back();
  if (lengths.size() == 1) {
    matrix.rows = matrix.column_lengths[0] = best_rows(points, lanes);
    matrix.columns = matrix.row_step = points / matrix.rows;
  } else {
    matrix.column_axes = static_cast<int>(lengths.size()) - 1;
    for (int axis = 0; axis < matrix.column_axes; ++axis) {
      matrix.column_lengths[axis] = lengths[static_cast<std::size_t>(axis)];
      matrix.rows *= matrix.column_lengths[axis];
    }
    matrix.columns = points;
    matrix.row_step = lengths.back();
  }
  matrix.imaginary_step = points;
  matrix.pitch = ceil_quotient(matrix.columns, lanes) * lanes;
  // Rows a multiple of 2 KiB apart would all fall into the same few sets of a first cache.
  if (matrix.rows > 8 && 2 * matrix.pitch % (32 * lanes) == 0) matrix.pitch += lanes;
  return matrix;
}

}  // namespace faltung::fft
