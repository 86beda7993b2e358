#include "cpp/cpu/gemm/blas.hpp"

#include <cblas.h>

#include <complex>
#include <mutex>

// Not in every cblas.h that stands before OpenBLAS.
extern "C" {
void openblas_set_num_threads(int count);
int openblas_get_num_threads(void);
}

namespace faltung::gemm {
namespace {

std::mutex users_mutex;
int users = 0;
int threads_before = 1;

}  // namespace

SingleThreadedBlas::SingleThreadedBlas() {
  const std::scoped_lock lock(users_mutex);
  if (users++ > 0) return;
  threads_before = openblas_get_num_threads();
  openblas_set_num_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
  const std::scoped_lock lock(users_mutex);
  if (--users == 0) openblas_set_num_threads(threads_before);
}

template <typename T>
void multiply(Transpose transpose_a, Transpose transpose_b, std::int64_t rows, std::int64_t columns,
              std::int64_t depth, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c) {
  const auto ta = transpose_a == Transpose::yes ? CblasTrans : CblasNoTrans;
  const auto tb = transpose_b == Transpose::yes ? CblasConjTrans : CblasNoTrans;
  const int m = static_cast<int>(rows);
  const int n = static_cast<int>(columns);
  const int k = static_cast<int>(depth);
  const int lda = static_cast<int>(a.leading);
  const int ldb = static_cast<int>(b.leading);
  const int ldc = static_cast<int>(c.leading);
  const T one = 1;
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, one, a.data, lda, b.data, ldb, beta, c.data, ldc);
  } else if constexpr (std::is_same_v<T, double>) {
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, one, a.data, lda, b.data, ldb, beta, c.data, ldc);
  } else if constexpr (std::is_same_v<T, std::complex<float>>) {
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &one, a.data, lda, b.data, ldb, &beta, c.data, ldc);
  } else {
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &one, a.data, lda, b.data, ldb, &beta, c.data, ldc);
  }
}

#define FALTUNG_INSTANTIATE(T)                                                              \
  template void multiply<T>(Transpose, Transpose, std::int64_t, std::int64_t, std::int64_t, \
                            Matrix<const T>, Matrix<const T>, T, Matrix<T>);
FALTUNG_INSTANTIATE(float)
FALTUNG_INSTANTIATE(double)
FALTUNG_INSTANTIATE(std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>)
#undef FALTUNG_INSTANTIATE

}  // namespace faltung::gemm
