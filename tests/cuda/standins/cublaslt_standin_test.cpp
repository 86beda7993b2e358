#include "tests/cuda/standins/cublaslt_standin.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
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

// The library that stands in for cuBLASLt gives the numbers of a product, and objects to what the
// real one punishes.
namespace faltung::test {
namespace {

using namespace cuda::cublaslt;  // NOLINT: all of it
using cuda::MatrixProduct;
using cuda::MatrixShape;
using cuda::ProductShape;
using emulator_kernels::DeviceBuffer;

template <typename T>
T number(std::int64_t value) {
  if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::int32_t>) {
    return static_cast<T>(value);
  } else {
    return T(static_cast<float>(value));
  }
}

// Whole numbers from -3 to 3, whose sums every type holds.
template <typename T>
std::vector<T> small_numbers(std::size_t count, std::int64_t seed) {
  std::vector<T> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(number<T>((static_cast<std::int64_t>(i) * 5 + seed) % 7 - 3));
  }
  return values;
}

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

// A product by hand, for misuse: 4 x 4 of f32, or what the test makes of it.
struct Raw {
  const Functions& f = cublaslt_standin().raw;
  Handle handle = nullptr;
  ProductDescription how = nullptr;
  MatrixDescription a = nullptr, b = nullptr, c = nullptr, d = nullptr;
  Preference preference = nullptr;
  Proposal proposals[8] = {};
  int found = 0;
  DeviceBuffer<float> x{small_numbers<float>(64, 1)}, w{small_numbers<float>(64, 2)},
      y{small_numbers<float>(64, 3)};
  DeviceBuffer<char> area{8192};

  explicit Raw(std::int64_t leading = 4) {
    EXPECT_EQ(f.create(&handle), Status::success);
    EXPECT_EQ(f.product_create(&how, Compute::f32, Type::f32), Status::success);
    for (MatrixDescription* m : {&a, &b, &c, &d}) {
      EXPECT_EQ(f.matrix_create(m, Type::f32, 4, 4, leading), Status::success);
    }
    EXPECT_EQ(f.preference_create(&preference), Status::success);
    for (const auto which :
         {PreferenceAttribute::min_alignment_a, PreferenceAttribute::min_alignment_b,
          PreferenceAttribute::min_alignment_c, PreferenceAttribute::min_alignment_d}) {
      const std::uint32_t bytes = 16;
      EXPECT_EQ(f.preference_set(preference, which, &bytes, 4), Status::success);
    }
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    emulator::machine.current = 0;  // where the buffers are
    (void)f.product_destroy(how);
    for (const MatrixDescription m : {a, b, c, d}) (void)f.matrix_destroy(m);
    (void)f.preference_destroy(preference);
    (void)f.destroy(handle);
  }
  void batch(std::int32_t count, std::int64_t step) {
    for (const MatrixDescription m : {a, b, c, d}) {
      EXPECT_EQ(f.matrix_set(m, MatrixAttribute::batch_count, &count, 4), Status::success);
      EXPECT_EQ(f.matrix_set(m, MatrixAttribute::batch_step, &step, 8), Status::success);
    }
  }
  void finish(Finish finish) {
    EXPECT_EQ(f.product_set(how, ProductAttribute::finish, &finish, 4), Status::success);
  }
  Status propose(std::uint64_t max_workspace = 0) {
    EXPECT_EQ(
        f.preference_set(preference, PreferenceAttribute::max_workspace_bytes, &max_workspace, 8),
        Status::success);
    return f.propose(handle, how, a, b, c, d, preference, 8, proposals, &found);
  }
  [[nodiscard]] const Algorithm* algorithm(std::size_t workspace) const {
    for (int i = 0; i < found; ++i) {
      if (proposals[i].state == Status::success && proposals[i].workspace_bytes == workspace) {
        return &proposals[i].algorithm;
      }
    }
    ADD_FAILURE() << "no algorithm with a workspace of " << workspace;
    return nullptr;
  }
  Status run(const Algorithm* how_to, const float* left, float* old, float* result,
             void* workspace = nullptr, std::size_t bytes = 0, float beta = 0) const {
    const float one = 1;
    return f.multiply(handle, how, &one, left, a, w.data(), b, &beta, old, c, result, d, how_to,
                      workspace, bytes, nullptr);
  }
  Status run() { return run(algorithm(0), x.data(), y.data(), y.data()); }
};

// Does the right thing, or the same with one mistake.
struct Misuse {
  std::string name;
  std::string words;  ///< of the objection
  std::function<void(bool broken)> act;
};

const std::vector<Misuse> misuses = {
    {"LeadingBelowRows", "below its rows",
     [](bool broken) {
       Raw raw(broken ? 3 : 4);
       (void)raw.propose();
       (void)raw.run();
     }},
    {"BatchOverlaps", "of a batch of D overlap",
     [](bool broken) {
       Raw raw;
       raw.batch(2, broken ? 15 : 16);
       (void)raw.propose();
       (void)raw.run();
     }},
    {"AlgorithmOfAnotherProduct", "made for another product",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       if (broken) raw.finish(Finish::relu);
       (void)raw.run();
     }},
    {"NoAlgorithm", "is to choose the algorithm",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       (void)raw.run(broken ? nullptr : raw.algorithm(0), raw.x.data(), raw.y.data(), raw.y.data());
     }},
    {"LessAligned", "less aligned than its algorithm was promised",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       (void)raw.run(raw.algorithm(0), raw.x.data() + (broken ? 1 : 4), raw.y.data(), raw.y.data());
     }},
    {"SmallWorkspace", "less workspace than it needs",
     [](bool broken) {
       Raw raw;
       (void)raw.propose(1 << 20);
       (void)raw.run(raw.algorithm(4096), raw.x.data(), raw.y.data(), raw.y.data(), raw.area.data(),
                     broken ? 4095 : 4096);
     }},
    {"MoreWorkspaceThanWished", "less workspace than it needs",
     [](bool broken) {
       Raw raw;
       (void)raw.propose(4096);
       for (int i = 0; i < raw.found; ++i) {
         if ((raw.proposals[i].state == Status::success) != broken) {
           (void)raw.run(&raw.proposals[i].algorithm, raw.x.data(), raw.y.data(), raw.y.data(),
                         raw.area.data(), 4096);
         }
       }
     }},
    {"UnalignedWorkspace", "not aligned to 256",
     [](bool broken) {
       Raw raw;
       (void)raw.propose(1 << 20);
       (void)raw.run(raw.algorithm(4096), raw.x.data(), raw.y.data(), raw.y.data(),
                     raw.area.data() + (broken ? 128 : 256), 4096);
     }},
    {"NullBias", "a bias that is null",
     [](bool broken) {
       Raw raw;
       raw.finish(Finish::bias);
       const void* bias = broken ? nullptr : raw.x.data();
       (void)raw.f.product_set(raw.how, ProductAttribute::bias_pointer, &bias, sizeof(bias));
       (void)raw.propose();
       (void)raw.run();
     }},
    {"OtherC", "C is D of cuBLASLt, and lies otherwise",
     [](bool broken) {
       Raw raw;
       if (broken) {
         (void)raw.f.matrix_destroy(raw.c);
         (void)raw.f.matrix_create(&raw.c, Type::f32, 4, 4, 8);
       }
       (void)raw.propose();
       (void)raw.run();
     }},
    {"Overlap", "overlaps what it is computed from",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       float* const result = raw.x.data() + (broken ? 12 : 16);
       (void)raw.run(raw.algorithm(0), raw.x.data(), result, result);
     }},
    {"AnotherDevice", "another device",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       emulator::machine.devices = 2;
       emulator::machine.current = broken ? 1 : 0;
       (void)raw.run();
     }},
    {"CreateInCapture", "while a stream is captured",
     [](bool broken) {
       Handle handle = nullptr;
       if (broken) {
         const emulator::Capture capture;
         (void)cublaslt_standin().raw.create(&handle);
       }
       (void)cublaslt_standin().raw.create(&handle);
       (void)cublaslt_standin().raw.destroy(handle);
     }},
    {"SmallOutput", "outside global memory",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       float* const result = raw.y.data() + (broken ? 52 : 48);
       (void)raw.run(raw.algorithm(0), raw.x.data(), result, result);
     }},
    {"UnsetInput", "unset",
     [](bool broken) {
       Raw raw;
       (void)raw.propose();
       const DeviceBuffer<float> unset(16);
       (void)raw.run(raw.algorithm(0), broken ? unset.data() : raw.x.data(), raw.y.data(),
                     raw.y.data());
     }},
};

class CublasltMisuse : public ::testing::TestWithParam<Misuse> {};

TEST_P(CublasltMisuse, IsObjectedTo) {
  const auto objection = [&](bool broken) -> std::string {
    std::string words = "none";
    try {
      GetParam().act(broken);
    } catch (const emulator::Violation& violation) {
      words = violation.what();
    }
    emulator::machine = {};
    return words;
  };
  EXPECT_EQ(objection(false), "none");
  EXPECT_NE(objection(true).find(GetParam().words), std::string::npos) << objection(true);
}
INSTANTIATE_TEST_SUITE_P(All, CublasltMisuse, ::testing::ValuesIn(misuses),
                         [](const auto& misuse) { return misuse.param.name; });

TEST(CublasltStandin, DocumentedAnswers) {
  Raw raw;
  const std::int64_t wide = 1;
  EXPECT_EQ(raw.f.product_set(raw.how, ProductAttribute::finish, &wide, 8), Status::invalid_value);
  EXPECT_EQ(raw.f.product_set(raw.how, ProductAttribute::finish, nullptr, 4),
            Status::invalid_value);
  EXPECT_EQ(raw.f.matrix_set(raw.a, MatrixAttribute::batch_step, &wide, 4), Status::invalid_value);
  EXPECT_EQ(raw.f.matrix_set(raw.a, MatrixAttribute::batch_count, &wide, 8), Status::invalid_value);
  EXPECT_EQ(
      raw.f.preference_set(raw.preference, PreferenceAttribute::max_workspace_bytes, &wide, 4),
      Status::invalid_value);
  EXPECT_EQ(raw.f.propose(nullptr, raw.how, raw.a, raw.b, raw.c, raw.d, raw.preference, 8,
                          raw.proposals, &raw.found),
            Status::not_initialized);
  EXPECT_EQ(raw.f.propose(raw.handle, raw.how, raw.a, raw.b, raw.c, raw.d, raw.preference, 0,
                          raw.proposals, &raw.found),
            Status::invalid_value);
  EXPECT_EQ(raw.f.destroy(nullptr), Status::invalid_value);
  ASSERT_EQ(raw.propose(), Status::success);
  EXPECT_EQ(raw.run(raw.algorithm(0), nullptr, raw.y.data(), raw.y.data()), Status::invalid_value);
  // Shapes and batch counts that disagree.
  const std::int32_t two = 2;
  EXPECT_EQ(raw.f.matrix_set(raw.a, MatrixAttribute::batch_count, &two, 4), Status::success);
  EXPECT_EQ(raw.propose(), Status::invalid_value);
  (void)raw.f.matrix_destroy(raw.a);
  (void)raw.f.matrix_create(&raw.a, Type::f32, 4, 5, 4);
  EXPECT_EQ(raw.propose(), Status::invalid_value);
  (void)raw.f.matrix_destroy(raw.a);
  (void)raw.f.matrix_create(&raw.a, Type::f16, 4, 4, 4);
  EXPECT_EQ(raw.propose(), Status::not_supported);
}

TEST(CublasltStandin, ScaleTypeAndImplementationsAreThoseOfTheSums) {
  Raw raw;
  const Type f64 = Type::f64;
  ASSERT_EQ(raw.f.product_set(raw.how, ProductAttribute::scale_type, &f64, 4), Status::success);
  EXPECT_EQ(raw.propose(), Status::not_supported);
  Raw other;
  const std::uint64_t tensor =
      implementation::tensor | implementation::sums_f32 | implementation::of_tf32;
  ASSERT_EQ(
      other.f.preference_set(other.preference, PreferenceAttribute::implementations, &tensor, 8),
      Status::success);
  EXPECT_EQ(other.propose(), Status::not_supported);
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
