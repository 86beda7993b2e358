#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/im2col/im2col_engine.hpp"
#include "tests/cuda/im2col_support.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cublaslt_standin.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/support/error_check.hpp"

// cuda.im2col on the emulated device, with the library that stands in for cuBLASLt.
namespace faltung::cuda {
namespace {

using emulator::Capture;
using test::cublaslt_standin;

using test::expect_agreement;
using test::policy_of;
using test::SmallCache;
void expect_agreement(const std::string& line) { expect_agreement(im2col_engine(), line); }

TEST(CudaIm2col, LayoutsAndTypes) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* rest :
         {"n=2 c=3 k=4 in=9x11 f=4x3 pad=2:1x1 stride=2x1", "n=2 c=8 k=12 g=2 in=9 f=3 pad=1 dil=2",
          "n=3 c=8 k=8 in=5x6x4 f=1x1x1", "n=1 c=16 k=8 in=7x7 f=1x1 stride=2",
          "n=2 c=4 k=4 g=4 in=6x5 f=2x3 boundary=constant(2) pad=1"}) {
      for (const char* type : {"f32", "f64", "f16", "bf16"}) {
        for (const char* layout : {"nchw", "nhwc"}) {
          expect_agreement(std::string("op=") + pass + " dtype=" + type + ' ' + rest +
                           " layout=" + layout);
        }
      }
    }
  }
}

// Products that are gathered, and columns with zeros between them, give the same gradient.
TEST(CudaIm2col, DataGradientsBothWays) {
  for (const char* rest :
       {"n=3 c=3 k=4 in=9x11 f=4x3 pad=2:1x1 stride=2x1",
        "n=2 c=8 k=12 g=2 in=19 f=3 stride=3 dil=2",
        "n=2 c=4 k=4 in=5x6x4 f=2x1x3 pad=1x0x1 stride=1x2x2", "n=2 c=4 k=4 in=9x7 f=3x3 idil=2",
        "n=2 c=4 k=6 in=12 f=3 pad=1 beta=1 act=relu bias=1", "n=1 c=5 k=3 in=13 f=2 pad=-2:3"}) {
    for (const char* type : {"f32", "f64", "f16"}) {
      for (const char* layout : {"nchw", "nhwc"}) {
        for (const std::int64_t bytes : {1, 1 << 20}) {
          for (const bool gathers : {false, true}) {
            expect_agreement(SmallCache(bytes, gathers), std::string("op=dgrad dtype=") + type +
                                                             ' ' + rest + " layout=" + layout);
          }
        }
      }
    }
  }
  // Nothing is multiplied in vain where there is a stride.
  EXPECT_NE(
      policy_of("op=dgrad dtype=f32 n=8 c=64 k=64 in=32x32 f=3x3 pad=1 stride=2").find("gathered"),
      std::string::npos);
}

// tf32 where it is allowed, within its own bound; never where it is not.
TEST(CudaIm2col, FastMathIsTf32) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* layout : {"nchw", "nhwc"}) {
      const auto line = [&](const char* type) {
        return std::string("op=") + pass + " dtype=" + type +
               " n=2 c=8 k=8 in=9x9 f=3x3 pad=1 layout=" + layout;
      };
      expect_agreement(line("tf32"));
      const auto bound = [&](const char* type) {
        const Offer offer = im2col_engine().offer(Problem::parse(line(type)), Device::cuda(0));
        return offer.prepare()->error_bound().constant;
      };
      EXPECT_GT(bound("tf32"), 0x1p-9);
      EXPECT_LT(bound("f32"), 0x1p-12);
    }
  }
}

TEST(CudaIm2col, Integers) {
  for (const char* rest : {"n=2 c=3 k=5 in=9x8 f=3x3 pad=1", "n=1 c=8 k=8 g=2 in=7 f=2 stride=2",
                           "n=2 c=4 k=4 in=5x5 f=1x1 bias=1 act=relu"}) {
    for (const char* layout : {"nchw", "nhwc"}) {
      expect_agreement(std::string("op=fwd dtype=i8:i8:i32 ") + rest + " layout=" + layout);
    }
  }
  expect_agreement("op=dgrad dtype=i8 n=2 c=3 k=5 in=9x8 f=3x3 pad=1");
  // Sums over positions, of which there are any number, in chunks that are added and wrap.
  for (const char* rest : {"n=2 c=3 k=5 in=9x7 f=3x3 pad=1", "n=1 c=8 k=8 g=2 in=7 f=2 stride=2",
                           "n=3 c=4 k=4 in=5x5 f=1x1 beta=1", "n=1 c=2 k=3 in=1 f=1"}) {
    for (const char* layout : {"nchw", "nhwc"}) {
      const std::string line =
          std::string("op=wgrad dtype=i8:i32:i8 acc=i32 ") + rest + " layout=" + layout;
      expect_agreement(line);
      expect_agreement(SmallCache(1), line);
    }
  }
}

// The bits of the reference, of small and of all values, and in chunks of the least size.
void expect_exact_bytes(const std::string& line) {
  expect_agreement(line);
  expect_agreement(SmallCache(1), line);
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  const test::Operands operands = test::filled_operands(p, test::Fill::whole_range, 7);
  EXPECT_TRUE(test::equal_elements(
      test::run_guarded(test::cpu_device(), reference_engine(), p, operands),
      test::run_guarded(*test::test_devices()[0], im2col_engine(), p, operands)));
}

// Of u8 128 is taken, and what that takes from the sums comes back: zeros of a frame and between
// elements, constants, words that are not filled.
TEST(CudaIm2col, UnsignedBytes) {
  for (const char* layout : {" layout=nchw", " layout=nhwc"}) {
    for (const char* types : {"u8:i8:i32", "u8:u8:i32", "i8:u8:i32", "u8:u8:u8", "u8:i8:i8"}) {
      for (const char* rest :
           {"n=2 c=3 k=5 in=9x8 f=3x3 pad=1", "n=1 c=8 k=8 g=2 in=7 f=2 stride=2",
            "n=2 c=4 k=4 in=5x5 f=1x1 bias=1 act=relu", "n=1 c=16 k=3 in=6x5 f=3x2 pad=1 dil=2",
            "n=1 c=3 k=4 in=9 f=3 pad=2 boundary=constant(7)", "n=1 c=32 k=4 in=5x4 f=2x2 g=2",
            "n=1 c=3 k=4 in=9 f=4 pad=3 idil=2"}) {
        expect_exact_bytes(std::string("op=fwd acc=i32 dtype=") + types + ' ' + rest + layout);
      }
    }
    for (const char* types : {"i8:u8:u8", "i32:u8:u8", "i32:i8:u8", "u8:u8:i8"}) {
      expect_exact_bytes(std::string("op=dgrad acc=i32 n=2 c=3 k=5 in=9x8 f=3x3 pad=1 stride=2 ") +
                         "dtype=" + types + layout);
    }
    for (const char* types : {"u8:i32:i8", "i8:i32:u8", "u8:i32:u8", "u8:u8:u8"}) {
      for (const char* rest :
           {"n=2 c=3 k=5 in=9x7 f=3x3 pad=1", "n=1 c=8 k=8 g=2 in=7 f=2 stride=2",
            "n=3 c=4 k=4 in=5x5 f=1x1 beta=1", "n=1 c=2 k=3 in=1 f=1"}) {
        expect_exact_bytes(std::string("op=wgrad acc=i32 dtype=") + types + ' ' + rest + layout);
      }
    }
  }
}

// As products of parts, of which two rows of the filter make both parts of a sum.
TEST(CudaIm2col, ComplexNumbers) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    for (const char* rest :
         {"n=2 c=3 k=4 in=9x8 f=3x2 pad=1 stride=2x1", "n=2 c=4 k=6 g=2 in=19 f=3 dil=2",
          "n=2 c=2 k=3 in=6x5 f=1x1 beta=1 alpha=0.5", "n=1 c=2 k=2 in=5x6 f=3x3 pad=1 conj=1"}) {
      for (const char* type : {"c64", "c128"}) {
        for (const char* layout : {"nchw", "nhwc"}) {
          const std::string line =
              std::string("op=") + pass + " dtype=" + type + ' ' + rest + " layout=" + layout;
          expect_agreement(line);
          expect_agreement(SmallCache(1), line);
        }
      }
    }
  }
  expect_agreement("op=fwd dtype=c64 n=2 c=2 k=3 in=9x8 f=3x2 pad=1 boundary=constant(2)");
  expect_agreement("op=fwd dtype=f32:c64:c64 n=2 c=2 k=3 in=9x8 f=3x2 pad=1 bias=1");
}

// Packed once; where a filter is multiplied as it lies, it is copied.
TEST(CudaIm2col, BoundFiltersArePackedOnce) {
  for (const char* line : {"op=fwd dtype=f32 n=2 c=3 k=4 in=9x8 f=3x3 pad=1 layout=nhwc flip=1",
                           "op=fwd dtype=f32 n=2 c=3 k=4 in=9x8 f=3x3 pad=1",
                           "op=fwd dtype=f16:f32:f32 n=2 c=3 k=4 in=9 f=3",
                           "op=dgrad dtype=f16 n=2 c=4 k=6 g=2 in=9x8 f=3x3 stride=2 flip=1",
                           "op=fwd dtype=i8:i8:i32 n=2 c=3 k=5 in=9x8 f=3x3 pad=1",
                           "op=fwd dtype=u8:u8:i32 n=2 c=3 k=5 in=9x8 f=3x3 pad=1",
                           "op=fwd dtype=c64 n=2 c=3 k=4 in=9x8 f=3x3 pad=1"}) {
    test::expect_agreement(im2col_engine(), line, {.bound_filter = true});
  }
  const Problem p = Problem::parse("op=fwd dtype=f32 n=2 c=3 k=4 in=9x8 f=3x3 flip=1");
  const test::Operands operands = test::filled_operands(p, test::Fill::reals, 1);
  emulator::Recorder recorder;
  (void)test::run_guarded(*test::test_devices()[0], im2col_engine(), p, operands,
                          {.bind_filter = true});
  int packed = 0;
  for (const emulator::Report& report : recorder.reports()) {
    packed += report.kernel == "im2col filter" ? 1 : 0;
  }
  EXPECT_EQ(packed, 1);
}

TEST(CudaIm2col, EpiloguesInTheProductAndInTheStore) {
  const std::string bias = "op=fwd dtype=f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 layout=nhwc";
  EXPECT_NE(policy_of(bias).find("bias by cuBLASLt"), std::string::npos);
  expect_agreement(bias);
  const std::string mixed =
      "op=fwd dtype=f16:f16:f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 layout=nhwc";
  EXPECT_NE(policy_of(mixed).find("bias by cuBLASLt"), std::string::npos);
  expect_agreement(mixed);
  for (const char* ours : {"dtype=f16", "dtype=bf16", "dtype=f32 act=relu", "dtype=f32 act=gelu"}) {
    const std::string line =
        std::string("op=fwd n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 layout=nhwc ") + ours;
    EXPECT_EQ(policy_of(line).find("bias by cuBLASLt"), std::string::npos) << line;
    expect_agreement(line);
  }
  // Which the library has not for f64, nor for columns of bias.
  const std::string f64 = "op=fwd dtype=f64 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 layout=nhwc";
  EXPECT_EQ(policy_of(f64).find("bias by cuBLASLt"), std::string::npos);
  expect_agreement(f64);
  expect_agreement("op=fwd dtype=f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1");
  expect_agreement("op=fwd dtype=f16 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 bias=1 act=gelu layout=nhwc");
  expect_agreement("op=dgrad dtype=f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 alpha=0.5 beta=2");
  expect_agreement("op=wgrad dtype=f32 n=2 c=4 k=8 in=6x6 f=3x3 pad=1 alpha=0.5 beta=2");
}

// Tensors that are multiplied where they lie, and begin at one of their elements alone: an
// algorithm that was promised 16 bytes would fault, so another one runs.
TEST(CudaIm2col, TensorsOfElementsAlone) {
  for (const char* line : {"op=fwd dtype=f32 n=2 c=8 k=8 in=4x4 f=1x1",
                           "op=fwd dtype=f16 n=2 c=8 k=8 g=2 in=4x4 f=1x1 layout=nhwc",
                           "op=dgrad dtype=f64 n=2 c=8 k=8 in=4x4 f=1x1",
                           "op=wgrad dtype=f32 n=2 c=8 k=8 in=4x4 f=1x1 layout=nhwc",
                           "op=fwd dtype=f32 n=2 c=3 k=4 in=9x8 f=3x3 pad=1"}) {
    SCOPED_TRACE(line);
    const auto bits = [&](std::int64_t shift) {
      test::Prepared prepared(im2col_engine(), line, 1, shift);
      EXPECT_FALSE(prepared.task->facts().bitwise_reproducible);
      for (test::Prepared::Shifted* operand : {&prepared.x, &prepared.w, &prepared.y}) {
        (void)cudaMemset(operand->bytes.data(), 0x3c, operand->bytes.bytes());
      }
      prepared.run();
      const Tensor result = prepared.results[0].bytes.to(Device::cpu());
      const auto* data = static_cast<const std::byte*>(result.data());
      return std::vector<std::byte>(data + prepared.results[0].begin, data + result.bytes());
    };
    EXPECT_EQ(bits(0), bits(1));
  }
}

// The library's relu makes 0 of it.
TEST(CudaIm2col, ReluKeepsNaN) {
  for (const char* layout : {"nchw", "nhwc"}) {
    const Problem p = Problem::parse(
        std::string("op=fwd dtype=f32 c=4 k=8 in=9x9 f=3x3 bias=1 act=relu layout=") + layout);
    test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 1);
    operands.first.set(
        p.layout == Layout::channels_last ? Extents{0, 4, 4, 3} : Extents{0, 3, 4, 4},
        std::nan(""));
    const test::Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
    EXPECT_TRUE(test::same_elements(
        expected, test::run_guarded(*test::test_devices()[0], im2col_engine(), p, operands)));
  }
}

TEST(CudaIm2col, RefusesWhatItCannotDoRight) {
  const auto refusal = [](const char* line) {
    return im2col_engine().offer(Problem::parse(line), Device::cuda(0)).refusal;
  };
  EXPECT_NE(refusal("op=fwd dtype=u16:i8:i32 in=9 f=3").find("u16 times i8"), std::string::npos);
  EXPECT_NE(refusal("op=wgrad dtype=i8:i32:i16 in=9 f=3 acc=i32").find("i8 times i16"),
            std::string::npos);
  EXPECT_NE(refusal("op=fwd dtype=f32 in=9x9x9x9 f=2x2x2x2").find("4 axes"), std::string::npos);
  EXPECT_NE(refusal("op=dgrad dtype=f32 in=9 f=3 pad=1 boundary=wrap").find("folds back"),
            std::string::npos);
}

// NaN and infinity stay where the definition has them if no zeros of a frame are multiplied.
TEST(CudaIm2col, SaysWhereNonFiniteValuesGo) {
  const auto spreads = [](const char* line) {
    return im2col_engine()
        .offer(Problem::parse(line), Device::cuda(0))
        .prepare()
        ->facts()
        .spreads_non_finite;
  };
  EXPECT_TRUE(spreads("op=fwd dtype=f32 c=2 k=2 in=9 f=3 pad=1"));
  EXPECT_FALSE(spreads("op=dgrad dtype=f32 n=8 c=64 k=64 in=32 f=3 stride=2"));  // gathered
  EXPECT_FALSE(spreads("op=fwd dtype=f32 c=2 k=2 in=9 f=3 pad=1 boundary=reflect"));
  EXPECT_FALSE(spreads("op=fwd dtype=f32 c=2 k=2 in=9 f=3"));
}

TEST(CudaIm2col, IsCaptured) {
  for (const char* line : {"op=fwd dtype=f32 n=2 c=2 k=2 in=9x9 f=3x3 pad=1",
                           "op=wgrad dtype=f16 n=2 c=4 k=4 in=9x9 f=3x3 layout=nhwc"}) {
    test::Prepared prepared(im2col_engine(), line);
    cublaslt_standin().fail("", 0, 0);  // counts from here on
    {
      const Capture capture;
      prepared.run();
    }
    EXPECT_EQ(cublaslt_standin().calls("cublasLtMatmul"), 1);
    EXPECT_EQ(cublaslt_standin().calls("any"), 1);  // nothing is asked or made in a run
    (void)cudaDeviceSynchronize();
  }
}

}  // namespace
}  // namespace faltung::cuda
