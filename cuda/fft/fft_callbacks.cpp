#include "cuda/fft/fft_callbacks.hpp"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdlib>
#include <span>
#include <string_view>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

#ifdef FALTUNG_EMULATOR
#include "cuda/fft/fft_callbacks.cuh"
#include "tests/emulator/host_twins.hpp"
#else
// The file that nvcc has made of fft_callbacks.cu. Symbols are global, since compilers that
// optimise whole programs may take what follows to another file.
asm(R"(
    .pushsection .rodata
    .balign 16
    .globl faltung_fft_callbacks_begin
    .hidden faltung_fft_callbacks_begin
    .globl faltung_fft_callbacks_end
    .hidden faltung_fft_callbacks_end
faltung_fft_callbacks_begin:
    .incbin ")" FALTUNG_FFT_CALLBACKS_FILE R"("
faltung_fft_callbacks_end:
    .popsection
)");
extern "C" {
[[gnu::visibility("hidden")]] extern const std::byte faltung_fft_callbacks_begin[];
[[gnu::visibility("hidden")]] extern const std::byte faltung_fft_callbacks_end[];
}
#endif

namespace faltung::cuda::fft {
namespace {

#ifdef FALTUNG_EMULATOR
// Compiled for the CPU, and found by their names too.
std::span<const std::byte> code() {
#define FALTUNG_FFT_TWIN(name, ...) {#name, reinterpret_cast<void*>(name)},
  static const emulator::HostTwin twins[] = {FALTUNG_FFT_CALLBACKS(FALTUNG_FFT_TWIN)};
#undef FALTUNG_FFT_TWIN
  static const emulator::HostTwins all(twins);
  return std::as_bytes(std::span(&all, 1));
}
#else
std::span<const std::byte> code() {
  return {faltung_fft_callbacks_begin, faltung_fft_callbacks_end};
}
#endif

// By block ("line" or "block") and element ("own" or "any").
struct Names {
  const char* of[2][2];
};
#define FALTUNG_FFT_NAMES(word)                                                       \
  {                                                                                   \
    {                                                                                 \
      {"faltung_fft_load_" word "_line_own", "faltung_fft_load_" word "_line_any"}, { \
        "faltung_fft_load_" word "_block_own", "faltung_fft_load_" word "_block_any"  \
      }                                                                               \
    }                                                                                 \
  }
constexpr Names f32 = FALTUNG_FFT_NAMES("f32"), f64 = FALTUNG_FFT_NAMES("f64"),
                c64 = FALTUNG_FFT_NAMES("c64"), c128 = FALTUNG_FFT_NAMES("c128"),
                digits = FALTUNG_FFT_NAMES("digits");
#undef FALTUNG_FFT_NAMES

}  // namespace

CallbackUse callback_use() {
  const char* value = std::getenv("FALTUNG_CUFFT_CALLBACKS");
  const std::string_view word = value == nullptr || *value == '\0' ? "auto" : value;
  if (word == "auto") return CallbackUse::if_faster;
  if (word == "off") return CallbackUse::off;
  if (word == "all") return CallbackUse::all;
  throw InvalidProblem(message("FALTUNG_CUFFT_CALLBACKS is '", word,
                               "'; it must be auto (where they are faster), off or all"));
}

FusedLoads wanted_loads(const Numbers& numbers, const Geometry& g) {
  switch (callback_use()) {
    case CallbackUse::off:
      return {};
    case CallbackUse::if_faster:
      return choose_fused(numbers, g);
    case CallbackUse::all:
      break;
  }
  return possible_fused(numbers, g);
}

cufft::Callback load_callback(const Numbers& numbers, const Geometry& g, DType element) {
  using Type = cufft::CallbackType;
  struct Kind {
    const Names* names;
    DType own;
    Type type;
  };
  const Kind kind = numbers.integers  ? Kind{&digits, DType::f64, Type::load_f64}
                    : numbers.complex ? (numbers.wide ? Kind{&c128, DType::c128, Type::load_c128}
                                                      : Kind{&c64, DType::c64, Type::load_c64})
                    : numbers.wide    ? Kind{&f64, DType::f64, Type::load_f64}
                                      : Kind{&f32, DType::f32, Type::load_f32};
  const int block = g.block[0].length * g.block[1].length == 1 ? 0 : 1;
  return {.name = kind.names->of[block][element == kind.own ? 0 : 1],
          .code = code(),
          .type = kind.type};
}

std::string callbacks_refusal() {
  if (callback_use() == CallbackUse::off) return "FALTUNG_CUFFT_CALLBACKS is off";
  return cufft::callbacks_refusal({CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, 0});
}

}  // namespace faltung::cuda::fft
