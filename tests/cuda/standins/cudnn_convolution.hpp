#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cuda/runtime/cudnn.hpp"

namespace faltung::test {

/// What a variant pack of cuDNN was told.
struct CudnnPack {
  std::vector<std::int64_t> ids;  ///< of tensors
  std::vector<void*> pointers;    ///< of the same
  void* workspace = nullptr;

  /// Null if it has none.
  [[nodiscard]] void* find(std::int64_t id) const;
};

/// A tensor of a plan: batch (or output channel), channel and three axes, of which missing ones
/// have one element.
struct CudnnTensor {
  cuda::cudnn::Type type{};
  std::array<std::int64_t, 5> extent{}, stride{};
  std::int64_t alignment = 1;
  void* data = nullptr;

  [[nodiscard]] std::int64_t elements() const;
  [[nodiscard]] std::size_t bytes() const;
};

/// The convolution that the text of a plan describes, with what follows it and the data of a pack.
struct CudnnConvolution {
  /// Objects to packs that are not the plan's, and to plans of another version or device.
  CudnnConvolution(const std::string& plan, const CudnnPack& pack, std::size_t version);

  /// By sums in double, stored as cuDNN does. The workspace holds NaN afterwards.
  void run(void* workspace, std::size_t workspace_bytes, cudaStream_t stream) const;
  /// Lets the emulator know the kernel, as a library that has loaded it.
  static void load();

 private:
  void object_to_overlap(const void* workspace, std::size_t workspace_bytes) const;

  void add_behind(const nlohmann::json& node, const nlohmann::json& tensors, const CudnnPack& pack);
  /// Sums as they are stored, over a result of `before`.
  void finish(std::vector<double>& sums, const std::vector<double>& before) const;
  [[nodiscard]] const CudnnTensor& result() const;

  cuda::cudnn::Kind pass_{};
  bool flip_ = false;
  CudnnTensor x_, w_, y_, bias_;
  double alpha_ = 1, beta_ = 0;
  bool relu_ = false, keeps_nan_ = false;
  std::array<std::int64_t, 3> pad_{}, stride_{1, 1, 1}, dilation_{1, 1, 1};
};

}  // namespace faltung::test
