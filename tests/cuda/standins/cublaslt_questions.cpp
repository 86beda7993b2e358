#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "cpp/core/message.hpp"
#include "cuda/runtime/cublaslt.hpp"
#include "tests/cuda/standins/questions.hpp"

// What is asked of cuBLASLt.
namespace faltung::test {
namespace {

using namespace cuda::cublaslt;  // NOLINT: all of it

// D = op(A) B, compact, by the library's own calls.
struct RawProduct {
  const Functions& f = functions();
  Handle handle = nullptr;
  ProductDescription how = nullptr;
  MatrixDescription a = nullptr, b = nullptr, d = nullptr;
  Preference preference = nullptr;
  Proposal proposals[8] = {};
  int found = 0;

  RawProduct(Type factor, Type result, Compute compute, bool transposed, std::uint64_t m,
             std::uint64_t n, std::uint64_t k) {
    (void)f.create(&handle);
    (void)f.product_create(&how, compute, result == Type::f16 ? Type::f32 : result);
    const Operation operation = transposed ? Operation::transposed : Operation::plain;
    (void)f.product_set(how, ProductAttribute::transpose_a, &operation, 4);
    const std::uint64_t rows = transposed ? k : m;
    (void)f.matrix_create(&a, factor, rows, transposed ? m : k, static_cast<std::int64_t>(rows));
    (void)f.matrix_create(&b, factor, k, n, static_cast<std::int64_t>(k));
    (void)f.matrix_create(&d, result, m, n, static_cast<std::int64_t>(m));
    (void)f.preference_create(&preference);
  }
  RawProduct(const RawProduct&) = delete;
  RawProduct& operator=(const RawProduct&) = delete;
  ~RawProduct() {
    (void)f.product_destroy(how);
    for (const MatrixDescription m : {a, b, d}) (void)f.matrix_destroy(m);
    (void)f.preference_destroy(preference);
    (void)f.destroy(handle);
  }
  Status propose() { return f.propose(handle, how, a, b, d, d, preference, 8, proposals, &found); }
  // With the first algorithm that needs no workspace.
  template <typename Scale>
  Status run(const void* left, const void* right, void* result) {
    const Status status = propose();
    if (status != Status::success) return status;
    for (const Proposal& one : std::vector<Proposal>(proposals, proposals + found)) {
      if (one.state != Status::success || one.workspace_bytes != 0) continue;
      const Scale alpha = 1, beta = 0;
      return f.multiply(handle, how, &alpha, left, a, right, b, &beta, result, d, result, d,
                        &one.algorithm, nullptr, 0, nullptr);
    }
    return Status::not_supported;
  }
};

std::string words(Status status) { return std::string(name(status)); }

std::string leading_below_rows() {
  MatrixDescription matrix = nullptr;
  const Status status = functions().matrix_create(&matrix, Type::f32, 4, 4, 3);
  if (matrix != nullptr) (void)functions().matrix_destroy(matrix);
  return words(status);
}

std::string attribute_of_wrong_size() {
  const RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  const std::int64_t batch = 2;
  return words(product.f.matrix_set(product.d, MatrixAttribute::batch_count, &batch, 8));
}

std::string without_handle() {
  RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  (void)product.f.destroy(std::exchange(product.handle, nullptr));
  return words(product.propose());
}

std::string batches_that_disagree() {
  RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  const std::int32_t batch = 2;
  (void)product.f.matrix_set(product.a, MatrixAttribute::batch_count, &batch, 4);
  return words(product.propose());
}

std::string shapes_that_disagree() {
  RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  (void)product.f.matrix_destroy(product.b);
  (void)product.f.matrix_create(&product.b, Type::f32, 5, 4, 5);
  return words(product.propose());
}

std::string bias_of(Type type, Compute compute) {
  RawProduct product(type, type, compute, false, 64, 64, 64);
  const Finish bias = Finish::bias;
  (void)product.f.product_set(product.how, ProductAttribute::finish, &bias, 4);
  return words(product.propose());
}

std::string bytes_offered(bool transposed) {
  return words(RawProduct(Type::i8, Type::i32, Compute::i32, transposed, 64, 64, 64).propose());
}

// Sums of f32 by multiply-adds of f32 alone.
std::string strict_shapes_offered() {
  int offered = 0, all = 0;
  for (const std::uint64_t m : {1, 3, 64, 1000}) {
    for (const std::uint64_t n : {1, 5, 64, 3136}) {
      for (const std::uint64_t k : {1, 9, 576}) {
        RawProduct product(Type::f32, Type::f32, Compute::f32, false, m, n, k);
        const std::uint64_t only =
            implementation::fma | implementation::sums_f32 | implementation::of_f32;
        (void)product.f.preference_set(product.preference, PreferenceAttribute::implementations,
                                       &only, 8);
        for (const auto which :
             {PreferenceAttribute::min_alignment_a, PreferenceAttribute::min_alignment_b,
              PreferenceAttribute::min_alignment_c, PreferenceAttribute::min_alignment_d}) {
          const std::uint32_t bytes = 4;
          (void)product.f.preference_set(product.preference, which, &bytes, 4);
        }
        ++all;
        offered += product.propose() == Status::success && product.found > 0 ? 1 : 0;
      }
    }
  }
  return message(offered, " of ", all);
}

std::string repeated_factor() {
  RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  const std::int32_t batch = 2;
  const std::int64_t none = 0, step = 16;
  for (const MatrixDescription m : {product.a, product.b, product.d}) {
    (void)product.f.matrix_set(m, MatrixAttribute::batch_count, &batch, 4);
    (void)product.f.matrix_set(m, MatrixAttribute::batch_step, m == product.a ? &none : &step, 8);
  }
  const Buffer<float> a(std::vector<float>(16, 1)), b(std::vector<float>(32, 2)), d(32);
  const Status status = product.run<float>(a.data(), b.data(), d.data());
  if (status != Status::success) return words(status);
  return d.read() == std::vector<float>(32, 8) ? "right" : "wrong";
}

std::string relu_of_nan() {
  RawProduct product(Type::f32, Type::f32, Compute::f32, false, 4, 4, 4);
  const Finish relu = Finish::relu;
  (void)product.f.product_set(product.how, ProductAttribute::finish, &relu, 4);
  const Buffer<float> a(std::vector<float>(16, std::numeric_limits<float>::quiet_NaN())),
      b(std::vector<float>(16, 2)), d(16);
  const Status status = product.run<float>(a.data(), b.data(), d.data());
  if (status != Status::success) return words(status);
  return std::isnan(d.read()[0]) ? "NaN" : "a number";
}

// 2^14 added 2^17 times.
std::string sums_beyond_i32() {
  constexpr std::size_t depth = std::size_t{1} << 17;
  RawProduct product(Type::i8, Type::i32, Compute::i32, true, 4, 4, depth);
  const std::vector<std::int8_t> least(4 * depth, -128);
  const Buffer<std::int8_t> a(least), b(least);
  const Buffer<std::int32_t> d(16);
  const Status status = product.run<std::int32_t>(a.data(), b.data(), d.data());
  return status == Status::success ? message(d.read()[0]) : words(status);
}

}  // namespace

std::vector<Question> cublaslt_questions() {
  return {
      {"cublaslt.leading_below_rows", leading_below_rows},
      {"cublaslt.attribute_of_wrong_size", attribute_of_wrong_size},
      {"cublaslt.without_handle", without_handle},
      {"cublaslt.shapes_that_disagree", shapes_that_disagree},
      {"cublaslt.batches_that_disagree", batches_that_disagree},
      {"cublaslt.bias_of_f32", [] { return bias_of(Type::f32, Compute::f32); }},
      {"cublaslt.bias_of_f64", [] { return bias_of(Type::f64, Compute::f64); }},
      {"cublaslt.bytes_plain", [] { return bytes_offered(false); }},
      {"cublaslt.bytes_transposed", [] { return bytes_offered(true); }},
      {"cublaslt.strict_shapes_offered", strict_shapes_offered},
      {"cublaslt.repeated_factor", repeated_factor},
      {"cublaslt.relu_of_nan", relu_of_nan},
      {"cublaslt.sums_beyond_i32", sums_beyond_i32},
  };
}

}  // namespace faltung::test
