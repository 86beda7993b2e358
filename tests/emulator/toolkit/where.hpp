#pragma once

namespace faltung::emulator {

/// A place in a kernel: a source line, or the address of an instruction.
struct Where {
  const char* file = nullptr;
  int line = 0;
  const void* instruction = nullptr;

  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line, nullptr};
  }
  static constexpr Where at(const void* instruction) { return {nullptr, 0, instruction}; }
};

}  // namespace faltung::emulator
