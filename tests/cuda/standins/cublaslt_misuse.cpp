#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/cuda/standins/cublaslt_raw.hpp"
#include "tests/emulator/violation.hpp"

// What the library that stands in for cuBLASLt objects to, and what it answers as documented.
namespace faltung::test {
namespace {

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

}  // namespace
}  // namespace faltung::test
