#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cuda/fft/fft_callback_names.hpp"
#include "cuda/fft/fft_callbacks.hpp"
#include "cuda/runtime/vendor_library.hpp"

// The code that the library gives cuFFT, linked by nvJitLink, which needs no GPU, with kernels that
// call it as those of cuFFT do.
namespace faltung::cuda {
namespace {

constexpr const char* names[] = {
#define FALTUNG_TEST_NAME(name, ...) #name,
    FALTUNG_FFT_CALLBACKS(FALTUNG_TEST_NAME)
#undef FALTUNG_TEST_NAME
};

/// nvJitLink's interface. Source: nvJitLink.h of CUDA 13.0; 12.x has the same functions.
struct Linker {
  int (*create)(void** handle, std::uint32_t count, const char** options) = nullptr;
  int (*destroy)(void** handle) = nullptr;
  int (*add)(void* handle, int kind, const void* data, std::size_t bytes,
             const char* name) = nullptr;
  int (*complete)(void* handle) = nullptr;
  int (*cubin_bytes)(void* handle, std::size_t* bytes) = nullptr;
  int (*cubin)(void* handle, void* to) = nullptr;
  int (*log_bytes)(void* handle, std::size_t* bytes) = nullptr;
  int (*log)(void* handle, char* to) = nullptr;
};
Linker linker() {
  Linker found;
  const OpenLibrary& library = nvjitlink_library();
  library.load("nvJitLinkCreate", found.create);
  library.load("nvJitLinkDestroy", found.destroy);
  library.load("nvJitLinkAddData", found.add);
  library.load("nvJitLinkComplete", found.complete);
  library.load("nvJitLinkGetLinkedCubinSize", found.cubin_bytes);
  library.load("nvJitLinkGetLinkedCubin", found.cubin);
  library.load("nvJitLinkGetErrorLogSize", found.log_bytes);
  library.load("nvJitLinkGetErrorLog", found.log);
  return found;
}

/// Machine code of an architecture, or what the linker says.
struct Linked {
  int status = 0;
  std::string code, said;
};
Linked link(const std::string& architecture, const std::vector<std::string>& inputs) {
  constexpr int fatbin = 4;
  const Linker f = linker();
  const std::string arch = "-arch=" + architecture;
  const char* options[] = {arch.c_str(), "-lto"};
  void* handle = nullptr;
  Linked result;
  EXPECT_EQ(f.create(&handle, 2, options), 0);
  for (const std::string& input : inputs) {
    EXPECT_EQ(f.add(handle, fatbin, input.data(), input.size(), "input"), 0);
  }
  result.status = f.complete(handle);
  std::size_t bytes = 0;
  if (result.status == 0 && f.cubin_bytes(handle, &bytes) == 0) {
    result.code.resize(bytes);
    EXPECT_EQ(f.cubin(handle, result.code.data()), 0);
  } else if (f.log_bytes(handle, &bytes) == 0) {
    result.said.resize(bytes);
    (void)f.log(handle, result.said.data());
  }
  (void)f.destroy(&handle);
  return result;
}

std::string callers() {
  std::ifstream file(FALTUNG_TEST_CALLERS, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
std::string callbacks() {
  const auto code = fft::load_callback({}, {}, DType::f32).code;
  return {reinterpret_cast<const char*>(code.data()), code.size()};
}

TEST(FftCallbacksLink, AreLinkedIntoTheirCallers) {
  if (!nvjitlink_library()) GTEST_SKIP() << "NOT RUN: " << nvjitlink_library().reason();
  ASSERT_FALSE(callers().empty());
  for (const char* architecture : {"sm_80", "sm_90"}) {
    SCOPED_TRACE(architecture);
    const Linked linked = link(architecture, {callers(), callbacks()});
    ASSERT_EQ(linked.status, 0) << linked.said;
    for (const std::string name : names) {
      EXPECT_NE(linked.code.find("caller_of_" + name), std::string::npos) << name;
      // Of their own there is nothing left: no function that would be called.
      EXPECT_EQ(linked.code.find("_Z" + std::to_string(name.size()) + name), std::string::npos)
          << name;
    }
  }
}

TEST(FftCallbacksLink, AreMissedByName) {
  if (!nvjitlink_library()) GTEST_SKIP() << "NOT RUN: " << nvjitlink_library().reason();
  const Linked linked = link("sm_90", {callers()});
  EXPECT_NE(linked.status, 0);
  EXPECT_NE(linked.said.find("faltung_fft_load_"), std::string::npos) << linked.said;
}

// Whatever is asked for is among the names.
TEST(FftCallbacksLink, EveryLoadHasOne) {
  fft::Geometry line, block;
  line.block[2].length = 64;
  block.block[1].length = block.block[2].length = 64;
  for (const char* type : {"f32", "f64", "c64", "c128", "f16", "i8:i8:i32", "i64", "u8:f32:f32"}) {
    const Problem p = Problem::parse(std::string("op=fwd in=99 f=9 dtype=") + type);
    for (const fft::Geometry& g : {line, block}) {
      const std::string name = fft::load_callback(fft::numbers_of(p), g, p.input).name;
      EXPECT_NE(std::ranges::find(names, name), std::end(names)) << name;
      EXPECT_EQ(name.find("_block_") != std::string::npos, g.block[1].length == 64) << name;
    }
  }
}

}  // namespace
}  // namespace faltung::cuda
