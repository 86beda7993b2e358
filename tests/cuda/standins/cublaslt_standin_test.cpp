#include "tests/cuda/standins/cublaslt_raw.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/half.hpp>

#include "cuda/runtime/matrix_product.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/violation.hpp"

// The library that stands in for cuBLASLt gives the numbers of a product.
namespace faltung::test {
namespace {

using cuda::MatrixProduct;
using cuda::MatrixShape;
using cuda::ProductShape;

constexpr std::int64_t room_of(const MatrixShape& m, std::int64_t batch) {
  return (batch - 1) * m.step + (m.columns - 1) * m.leading + m.rows;
}

// D [rows, columns] with factors of any side up, columns two elements further apart than they need.
ProductShape shape_of(Type factors, Type result, bool transpose_a, bool transpose_b,
                      std::int64_t rows, std::int64_t columns, std::int64_t depth,
                      std::int32_t batch, std::int64_t gap) {
  const auto matrix = [&](Type type, std::int64_t r, std::int64_t c, std::uint32_t alignment) {
    return MatrixShape{type, r, c, r + gap, (r + gap) * c + gap, alignment};
  };
  return {
      .a = transpose_a ? matrix(factors, depth, rows, 4) : matrix(factors, rows, depth, 4),
      .b = transpose_b ? matrix(factors, columns, depth, 4) : matrix(factors, depth, columns, 4),
      .d = matrix(result, rows, columns, 8),
      .transpose_a = transpose_a,
      .transpose_b = transpose_b,
      .batch = batch};
}

template <typename T, typename R>
void expect_numbers(ProductShape shape, bool add, Finish finish, std::size_t max_workspace) {
  shape.finish = finish;
  const std::int64_t rows = shape.d.rows,
                     depth = shape.transpose_a ? shape.a.rows : shape.a.columns;
  const auto a = small_numbers<T>(static_cast<std::size_t>(room_of(shape.a, shape.batch)), 1);
  const auto b = small_numbers<T>(static_cast<std::size_t>(room_of(shape.b, shape.batch)), 2);
  const auto d = small_numbers<R>(static_cast<std::size_t>(room_of(shape.d, shape.batch)), 3);
  const auto bias = small_numbers<R>(static_cast<std::size_t>(rows), 4);
  const MatrixProduct product(shape, max_workspace);
  ASSERT_TRUE(product.offered());
  EXPECT_LE(product.workspace_bytes(), max_workspace);
  const DeviceBuffer<T> device_a(a), device_b(b);
  const DeviceBuffer<R> device_d(d), device_bias(bias);
  const DeviceBuffer<char> area(product.workspace_bytes() + 1);
  const bool with_bias = finish == Finish::bias || finish == Finish::relu_bias;
  product.run(nullptr, device_a.data(), device_b.data(), device_d.data(), add, area.data(),
              with_bias ? device_bias.data() : nullptr);
  auto expected = d;
  const auto at = [](const auto& values, const MatrixShape& m, bool transposed, std::int64_t batch,
                     std::int64_t i, std::int64_t j) {
    if (transposed) std::swap(i, j);
    return static_cast<double>(
        values[static_cast<std::size_t>(batch * m.step + j * m.leading + i)]);
  };
  for (std::int64_t batch = 0; batch < shape.batch; ++batch) {
    for (std::int64_t j = 0; j < shape.d.columns; ++j) {
      for (std::int64_t i = 0; i < rows; ++i) {
        double sum = add ? at(d, shape.d, false, batch, i, j) : 0;
        for (std::int64_t k = 0; k < depth; ++k) {
          sum += at(a, shape.a, shape.transpose_a, batch, i, k) *
                 at(b, shape.b, shape.transpose_b, batch, k, j);
        }
        if (with_bias) sum += static_cast<double>(bias[static_cast<std::size_t>(i)]);
        if (finish == Finish::relu || finish == Finish::relu_bias) sum = std::max(sum, 0.0);
        expected[static_cast<std::size_t>(batch * shape.d.step + j * shape.d.leading + i)] =
            number<R>(static_cast<std::int64_t>(sum));
      }
    }
  }
  EXPECT_EQ(device_d.read(), expected);
}

TEST(CublasltStandin, NumbersOfEveryType) {
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      for (const std::int32_t batch : {1, 3}) {
        const auto shape = [&](Type factors, Type result) {
          return shape_of(factors, result, a, b, 5, 3, 7, batch, 2);
        };
        expect_numbers<float, float>(shape(Type::f32, Type::f32), batch == 3, Finish::none,
                                     1 << 20);
        expect_numbers<double, double>(shape(Type::f64, Type::f64), a, Finish::none, 0);
        expect_numbers<Half, Half>(shape(Type::f16, Type::f16), false, Finish::none, 0);
        expect_numbers<Half, float>(shape(Type::f16, Type::f32), true, Finish::none, 1 << 20);
        expect_numbers<BFloat16, BFloat16>(shape(Type::bf16, Type::bf16), b, Finish::none, 0);
      }
    }
  }
  expect_numbers<std::int8_t, std::int32_t>(
      shape_of(Type::i8, Type::i32, true, false, 4, 3, 8, 2, 4), true, Finish::none, 0);
}

TEST(CublasltStandin, BiasAndRelu) {
  for (const Finish finish : {Finish::bias, Finish::relu, Finish::relu_bias}) {
    expect_numbers<float, float>(shape_of(Type::f32, Type::f32, true, false, 5, 3, 7, 2, 0), false,
                                 finish, 4096);
  }
  // Which the library does not have for all types.
  ProductShape shape = shape_of(Type::f64, Type::f64, false, false, 2, 2, 2, 1, 0);
  shape.finish = Finish::bias;
  EXPECT_FALSE(MatrixProduct(shape, 0).offered());
}

// D holds nothing before the first product, and NaN does not stay.
TEST(CublasltStandin, BetaZeroReadsNoC) {
  const ProductShape shape = shape_of(Type::f32, Type::f32, false, false, 2, 2, 2, 1, 0);
  const MatrixProduct product(shape, 0);
  const DeviceBuffer<float> a(small_numbers<float>(4, 1)), b(small_numbers<float>(4, 1)), d(4);
  product.run(nullptr, a.data(), b.data(), d.data(), false, nullptr);
  for (const float value : d.read()) EXPECT_TRUE(std::isfinite(value));
  const DeviceBuffer<float> unset(4);
  EXPECT_THROW(product.run(nullptr, a.data(), b.data(), unset.data(), true, nullptr),
               emulator::Violation);
}

TEST(CublasltStandin, WorkspaceIsSpoilt) {
  const MatrixProduct product(shape_of(Type::f32, Type::f32, false, false, 2, 2, 2, 1, 0), 1 << 20);
  ASSERT_GT(product.workspace_bytes(), 0U);
  const DeviceBuffer<float> a(small_numbers<float>(4, 1)), d(4);
  const DeviceBuffer<float> area(product.workspace_bytes() / 4);
  product.run(nullptr, a.data(), a.data(), d.data(), false, area.data());
  for (const float value : area.read()) EXPECT_TRUE(std::isnan(value));
}

// Several algorithms, so that a choice must look at the workspace and at the order of sums.
TEST(CublasltStandin, OffersSeveralAlgorithms) {
  Raw raw;
  ASSERT_EQ(raw.propose(0), Status::success);
  EXPECT_EQ(raw.found, 2);
  EXPECT_EQ(raw.proposals[0].state, Status::not_supported);
  EXPECT_GT(raw.proposals[0].workspace_bytes, 0U);
  ASSERT_EQ(raw.propose(1 << 20), Status::success);
  ASSERT_EQ(raw.found, 4);
  std::uint32_t scheme = 0;
  std::size_t written = 0;
  EXPECT_EQ(raw.f.algorithm_get(&raw.proposals[1].algorithm, AlgorithmAttribute::reduction, &scheme,
                                sizeof(scheme), &written),
            Status::success);
  EXPECT_EQ(scheme, reduction::in_place);
  EXPECT_EQ(written, sizeof(scheme));
  Proposal checked{};
  EXPECT_EQ(raw.f.check(raw.handle, raw.how, raw.a, raw.b, raw.c, raw.d,
                        &raw.proposals[2].algorithm, &checked),
            Status::success);
  EXPECT_EQ(checked.workspace_bytes, 4096U);
  // Ours takes none whose order of sums is not fixed.
  const MatrixProduct product(shape_of(Type::f32, Type::f32, false, false, 4, 4, 4, 1, 0), 1 << 20);
  EXPECT_EQ(product.workspace_bytes(), 4096U);
}

// Every call of every function, with every status that cuBLASLt has: an error that names both, and
// nothing left behind.
TEST(CublasltStandin, FailsOnRequest) {
  ProductShape shape = shape_of(Type::f32, Type::f32, true, false, 4, 4, 4, 2, 0);
  shape.finish = Finish::bias;
  const DeviceBuffer<float> x(small_numbers<float>(32, 1)), y(32);
  const auto act = [&] {
    const MatrixProduct product(shape, 0);
    if (!product.offered()) throw DeviceError("cublasLtMatmulAlgoGetHeuristic offers nothing");
    product.run(nullptr, x.data(), x.data(), y.data(), false, nullptr, x.data());
  };
  act();  // the handle is there from now on
  int failures = 0;
  for (const auto& [function, calls] : {std::pair{"cublasLtMatmulDescCreate", 2},
                                        {"cublasLtMatmulDescSetAttribute", 7},
                                        {"cublasLtMatrixLayoutCreate", 3},
                                        {"cublasLtMatrixLayoutSetAttribute", 6},
                                        {"cublasLtMatmulPreferenceCreate", 1},
                                        {"cublasLtMatmulPreferenceSetAttribute", 7},
                                        {"cublasLtMatmulAlgoGetHeuristic", 1},
                                        {"cublasLtMatmul", 1}}) {
    for (const int status : {1, 3, 7, 8, 11, 13, 14, 15, 16}) {
      for (int nth = 1; nth <= calls; ++nth) {
        cublaslt_standin().fail(function, nth, status);
        try {
          act();
          ADD_FAILURE() << function << ' ' << nth << ' ' << status;
        } catch (const DeviceError& error) {
          const std::string text = error.what();
          EXPECT_NE(text.find(function), std::string::npos) << text;
          EXPECT_NE(text.find(text.ends_with("offers nothing") ? "" : name(Status{status})),
                    std::string::npos)
              << text;
          ++failures;
        } catch (const std::bad_alloc&) {  // the planner asks another engine
          EXPECT_EQ(Status{status}, Status::alloc_failed);
          ++failures;
        }
        EXPECT_EQ(cublaslt_standin().open(), 0);
      }
    }
  }
  EXPECT_EQ(failures, 9 * 28);
  cublaslt_standin().fail("", 0, 0);
  act();
  // What destroys destroys, whatever it answers.
  cublaslt_standin().fail("cublasLtMatmulDescDestroy", 1, 14);
  act();
  EXPECT_EQ(cublaslt_standin().open(), 0);
  cublaslt_standin().fail("", 0, 0);
}

TEST(CublasltStandinDeathTest, ReportsWhatIsNeverDestroyed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leak = [] {
    ProductDescription how = nullptr;
    (void)cublaslt_standin().raw.product_create(&how, Compute::f32, Type::f32);
    std::exit(0);
  };
  EXPECT_EXIT(leak(), ::testing::ExitedWithCode(1),
              "1 descriptions and 0 handles of cuBLASLt were never destroyed");
}

}  // namespace
}  // namespace faltung::test
