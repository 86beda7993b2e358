#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cpp/core/machine.hpp"
#include "cpp/core/way.hpp"
#include "cuda/direct/direct_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

#include <faltung/problem.hpp>

namespace faltung::cuda::direct {

/// The kernels of this folder.
enum class Kernel : std::uint8_t {
  tile,  ///< direct_kernel: anything
  walk,  ///< walk_kernel: 3x3, 5x5, 7x7 in f32 and f64, and of short integers
  fir,   ///< fir_kernel: short filters along rows
  band,  ///< band_kernel: short 2-D filters of u8, f16 and bf16 on tensor cores
  slab,  ///< slab_kernel: 3x3x3 and 5x5x5 in f32
  patch  ///< patch_kernel: 6 to 15 columns of taps in f32
};

/// A kernel, how it is cut, and its predicted time.
struct Choice {
  Kernel kernel = Kernel::tile;
  Tiling tiling;
  double us = 0;
  /// Whether x and y must be multiples of 16 bytes.
  [[nodiscard]] bool needs_alignment() const { return kernel == Kernel::walk && !tiling.general; }
  /// Relative error of a sum beside its own magnitudes.
  [[nodiscard]] double error(const Problem& problem, const Geometry& geometry) const;
  /// One line for Plan::explain.
  [[nodiscard]] std::string policy() const;
};

/// A problem as the kernels take it, on a device.
struct Call {
  Problem problem;
  Geometry geometry;
  GpuMachine gpu;
};

/// A row of the table of cuda.direct; see way.hpp.
struct KernelWay {
  std::string_view name;
  std::string_view takes;
  bool (*serves)(const Call&);
  double (*us)(const Call&);
  /// Without `aligned`, for any pointers.
  Choice (*cut)(const Call&, bool aligned);
  Taken taken = Taken::always;
};

/// The most special kernel first; which one is taken does not depend on the device.
[[nodiscard]] std::span<const KernelWay> ways();

/// The kernel that is taken, cut for a device.
[[nodiscard]] Choice choose(const Problem& problem, const Geometry& geometry, bool aligned,
                            const GpuMachine& gpu = reference_gpu_machine());

}  // namespace faltung::cuda::direct
