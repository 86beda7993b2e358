#pragma once

#include <cstdint>

namespace faltung::gemm {

enum class Transpose : bool { no, yes };

/// c = op(a) op(b) + beta c, row-major; `leading` is the distance of two rows in elements. The
/// second operand is conjugated if it is transposed.
///
/// T is float, double, or a complex of them. All extents must be below 2^31.
template <typename T>
struct Matrix {
  T* data;
  std::int64_t leading;
};
template <typename T>
void multiply(Transpose transpose_a, Transpose transpose_b, std::int64_t rows, std::int64_t columns,
              std::int64_t depth, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c);

/// While one lives, OpenBLAS calculates in the threads that call it. Its sums then do not depend on
/// how many threads of its own it was given, and they are not started for small blocks.
class SingleThreadedBlas {
 public:
  SingleThreadedBlas();
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;
  ~SingleThreadedBlas();
};

}  // namespace faltung::gemm
