#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/faltung.hpp>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/direct_sum.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

// NumPy 2.4.6 promote_types; bf16 from ml_dtypes 0.6.0. "-" is undefined there and ours to define.
constexpr char numpy_table[] = R"(
           f16 bf16  f32  f64  c64 c128   i8   u8  i16  u16  i32  u32  i64  u64
      f16  f16    -  f32  f64  c64 c128  f16  f16  f32  f32  f64  f64  f64  f64
     bf16    - bf16  f32  f64  c64 c128 bf16 bf16    -    -    -    -    -    -
      f32  f32  f32  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
      f64  f64  f64  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      c64  c64  c64  c64 c128  c64 c128  c64  c64  c64  c64 c128 c128 c128 c128
     c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128
       i8  f16 bf16  f32  f64  c64 c128   i8  i16  i16  i32  i32  i64  i64  f64
       u8  f16 bf16  f32  f64  c64 c128  i16   u8  i16  u16  i32  u32  i64  u64
      i16  f32    -  f32  f64  c64 c128  i16  i16  i16  i32  i32  i64  i64  f64
      u16  f32    -  f32  f64  c64 c128  i32  u16  i32  u16  i32  u32  i64  u64
      i32  f64    -  f64  f64 c128 c128  i32  i32  i32  i32  i32  i64  i64  f64
      u32  f64    -  f64  f64 c128 c128  i64  u32  i64  u32  i64  u32  i64  u64
      i64  f64    -  f64  f64 c128 c128  i64  i64  i64  i64  i64  i64  i64  f64
      u64  f64    -  f64  f64 c128 c128  f64  u64  f64  u64  f64  u64  f64  u64
)";

// dtype of SciPy 1.17.1 fftconvolve of two arrays. It has no bf16.
constexpr char fft_table[] = R"(
           f16 bf16  f32  f64  c64 c128   i8   u8  i16  u16  i32  u32  i64  u64
      f16  f32    -  f32  f64  c64 c128  f64  f64  f64  f64  f64  f64  f64  f64
     bf16    -    -    -    -    -    -    -    -    -    -    -    -    -    -
      f32  f32    -  f32  f64  c64 c128  f64  f64  f64  f64  f64  f64  f64  f64
      f64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      c64  c64    -  c64 c128  c64 c128 c128 c128 c128 c128 c128 c128 c128 c128
     c128 c128    - c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128
       i8  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
       u8  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      i16  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      u16  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      i32  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      u32  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      i64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      u64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
)";

// dtype of SciPy 1.17.1 upfirdn(h, x), h downwards.
constexpr char upfirdn_table[] = R"(
           f16 bf16  f32  f64  c64 c128   i8   u8  i16  u16  i32  u32  i64  u64
      f16  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
     bf16    -    -    -    -    -    -    -    -    -    -    -    -    -    -
      f32  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
      f64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      c64  c64    -  c64 c128  c64 c128  c64  c64  c64  c64 c128 c128 c128 c128
     c128 c128    - c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128
       i8  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
       u8  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
      i16  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
      u16  f32    -  f32  f64  c64 c128  f32  f32  f32  f32  f64  f64  f64  f64
      i32  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      u32  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      i64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
      u64  f64    -  f64  f64 c128 c128  f64  f64  f64  f64  f64  f64  f64  f64
)";

struct Row {
  DType a, b;
  std::string result;
};

DType dtype_named(const std::string& text) { return parse_dtype(text).value(); }

std::vector<Row> rows(const char* table) {
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);  // empty
  std::getline(lines, line);
  std::istringstream header(line);
  const std::vector<std::string> names{std::istream_iterator<std::string>(header), {}};
  std::vector<Row> result;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string a, word;
    words >> a;
    for (const std::string& b : names) {
      words >> word;
      result.push_back({dtype_named(a), dtype_named(b), word});
    }
  }
  return result;
}

using Rule = DType (*)(DType, DType);

void expect_table(const char* table, Rule rule) {
  const auto all = rows(table);
  ASSERT_EQ(all.size(), 14u * 14u);
  for (const Row& row : all) {
    if (row.result == "-") continue;
    EXPECT_EQ(name(rule(row.a, row.b)), row.result) << name(row.a) << " with " << name(row.b);
  }
}

TEST(Promotion, IsNumPys) { expect_table(numpy_table, numpy_result_type); }
TEST(Promotion, OfFftconvolveIsSciPys) { expect_table(fft_table, fft_result_type); }
TEST(Promotion, OfUpfirdnIsSciPys) { expect_table(upfirdn_table, upfirdn_result_type); }

TEST(Promotion, HoldsBothTypesWhereNumPyHasNoRule) {
  EXPECT_EQ(numpy_result_type(f16, bf16), f32);
  for (const DType type : {i16, u16}) EXPECT_EQ(numpy_result_type(bf16, type), f32);
  for (const DType type : {i32, u32, i64, u64}) EXPECT_EQ(numpy_result_type(type, bf16), f64);
  for (const DType type : {i8, u8, i64, u64}) EXPECT_EQ(fft_result_type(bf16, type), f64);
  for (const DType type : {bf16, f16, f32}) EXPECT_EQ(fft_result_type(type, bf16), f32);
  for (const DType type : {bf16, f16, i8, u16}) EXPECT_EQ(upfirdn_result_type(type, bf16), f32);
  EXPECT_EQ(upfirdn_result_type(i32, bf16), f64);
}

TEST(Promotion, DoesNotDependOnTheOrder) {
  for (const Rule rule : {&numpy_result_type, &fft_result_type, &upfirdn_result_type}) {
    for (const DType a : all_dtypes) {
      for (const DType b : all_dtypes) EXPECT_EQ(rule(a, b), rule(b, a)) << name(a) << name(b);
    }
  }
}

// SciPy rounds 64-bit integers to f64 where they meet; here that is refused.
bool would_round(DType a, DType b, DType result) {
  return is_integer(a) && is_integer(b) && !is_integer(result) &&
         (size_of(a) == 8 || size_of(b) == 8);
}

template <typename Call>
void expect_results(Rule rule, Call call) {
  for (const DType a : all_dtypes) {
    for (const DType b : all_dtypes) {
      const DType expected = rule(a, b);
      Numbers two(Shape{1}), three(Shape{1}), six(Shape{1});
      two.values = {2}, three.values = {3}, six.values = {6};
      const Tensor x = two.as(a), k = three.as(b);
      if (would_round(a, b, expected)) {
        EXPECT_REFUSED(call(x, k), "would round");
        continue;
      }
      const Tensor y = call(x, k);
      EXPECT_EQ(y.dtype(), expected) << name(a) << " with " << name(b);
      EXPECT_EQ(Numbers(y), six) << name(a) << " with " << name(b);
    }
  }
}

TEST(Promotion, IsWhatConvolveAndCorrelateReturn) {
  expect_results(numpy_result_type,
                 [](const Tensor& x, const Tensor& k) { return convolve(x, k); });
  expect_results(numpy_result_type,
                 [](const Tensor& x, const Tensor& k) { return numpy::correlate(x, k); });
}

TEST(Promotion, IsWhatFftconvolveAndUpfirdnReturn) {
  expect_results(fft_result_type, [](const Tensor& x, const Tensor& k) {
    return signal::fftconvolve(x, k, {.run = {.engine = "reference"}});
  });
  expect_results(upfirdn_result_type,
                 [](const Tensor& h, const Tensor& x) { return signal::upfirdn(h, x); });
}

}  // namespace
}  // namespace faltung
