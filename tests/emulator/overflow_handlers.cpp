// Kernels are compiled with -fsanitize=signed-integer-overflow,bounds,shift. These are the
// functions the compiler then calls; they replace the sanitizer's own runtime, so that what it
// finds is reported like everything else here. Their names and arguments are fixed by the compiler
// (GCC: gcc/ubsan.cc; the same in Clang).

#include <cstdint>
#include <string>

#include "tests/emulator/violation.hpp"

namespace {

struct SourceLocation {
  const char* file;
  std::uint32_t line;
  std::uint32_t column;
};

[[noreturn]] void report(faltung::emulator::Check check, const void* data, const char* what) {
  // Every one of the compiler's records begins with the place.
  const auto& place = *static_cast<const SourceLocation*>(data);
  faltung::emulator::fail(check, what, {place.file, static_cast<int>(place.line), nullptr});
}

[[noreturn]] void overflow(const void* data, const char* what) {
  report(faltung::emulator::Check::integer_overflow, data, what);
}

}  // namespace

extern "C" {
void __ubsan_handle_add_overflow(void* data, void*, void*) {
  overflow(data, "the sum of two signed integers overflows");
}
void __ubsan_handle_sub_overflow(void* data, void*, void*) {
  overflow(data, "the difference of two signed integers overflows");
}
void __ubsan_handle_mul_overflow(void* data, void*, void*) {
  overflow(data, "the product of two signed integers overflows; index in 64 bits");
}
void __ubsan_handle_negate_overflow(void* data, void*) {
  overflow(data, "the negative of a signed integer overflows");
}
void __ubsan_handle_divrem_overflow(void* data, void*, void*) {
  overflow(data, "division by zero, or of the smallest integer by -1");
}
void __ubsan_handle_shift_out_of_bounds(void* data, void*, void*) {
  overflow(data, "shift by a negative count or by more bits than there are");
}
void __ubsan_handle_out_of_bounds(void* data, void*) {
  report(faltung::emulator::Check::array_index, data, "index outside a local array");
}
}
