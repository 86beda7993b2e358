#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "cuda/runtime/cufft.hpp"
#include "tests/cuda/standins/fft.hpp"

/// A plan of the library that stands in for cuFFT.
namespace faltung::test {

using Lengths = std::vector<long long>;

/// How the arrays of one side lie: element (b, x, y, z) at
/// b dist + ((x embed[1] + y) embed[2] + z) stride, in elements.
struct Side {
  bool complex = true;
  std::size_t part_bytes = 4;  ///< of a real number
  Lengths n, embed;
  long long stride = 1, dist = 1;

  [[nodiscard]] std::size_t element_bytes() const { return part_bytes * (complex ? 2 : 1); }
  [[nodiscard]] long long count() const;
  /// Where element `index` of array b lies.
  [[nodiscard]] long long place(long long b, long long index) const;
  /// Where the elements of array 0 lie, one after the other.
  [[nodiscard]] std::vector<long long> places() const;
  /// Bytes from the first element to past the last.
  [[nodiscard]] std::size_t span(long long batch) const;
};

/// A load callback, as it was set.
struct CufftCallback {
  const char* name = nullptr;
  const void* code = nullptr;
  std::size_t bytes = 0;
  cuda::cufft::CallbackType type = cuda::cufft::CallbackType::load_c64;
  void* info = nullptr;
  std::string name_then;  ///< what the pointers led to
  std::string code_then;
  void* function = nullptr;  ///< once the plan is made
};

struct CufftPlan {
  bool made = false;
  bool automatic = true;  ///< has a work area of its own
  int device = 0;
  Lengths n;
  Side in, out;
  long long batch = 0;
  std::size_t work = 0;
  void* area = nullptr;
  cudaStream_t stream = nullptr;
  CufftCallback callback;
  std::atomic<int> users{0};

  [[nodiscard]] bool real_in() const { return !in.complex; }
  [[nodiscard]] bool real_out() const { return !out.complex; }
  /// What the real library does on the device, as one kernel of the emulator: all reads, then all
  /// writes. The work area holds NaN afterwards, and so does the input of complex to real.
  void run(void* input, void* output, int direction) const;
  /// What it needs to run while a stream is captured.
  static void load();
};

}  // namespace faltung::test
