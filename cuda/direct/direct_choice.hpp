#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cpp/core/machine.hpp"
#include "cpp/core/way.hpp"
#include "cuda/direct/band_policy.hpp"
#include "cuda/direct/fir_policy.hpp"
#include "cuda/direct/patch_policy.hpp"
#include "cuda/direct/slab_policy.hpp"
#include "cuda/direct/walk_policy.hpp"
#include "cuda/runtime/gpu_machine.hpp"

#include <faltung/problem.hpp>

namespace faltung::cuda::direct {

/// What a kernel is asked to do: the alternative names it.
using Tiling = std::variant<ChunkTiling, OrderedTiling, WalkTiling, FirTiling, BandTiling,
                            SlabTiling, PatchTiling>;

/// A kernel and how it is cut, and its predicted time.
struct Choice {
  Tiling tiling;
  double us = 0;
  /// Whether x and y must be multiples of 16 bytes.
  [[nodiscard]] bool needs_alignment() const {
    const auto* walk = std::get_if<WalkTiling>(&tiling);
    return walk != nullptr && !walk->general;
  }
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
