#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>

namespace faltung::rank {

/// The members of the window around an element, and which of them is the result.
struct Window {
  Extents extent;                    ///< of the box that holds them, one entry per axis of x
  Extents before;                    ///< elements of the box before the one it stands for
  std::vector<Boundary> boundary;    ///< of x, one per axis
  std::vector<std::uint8_t> inside;  ///< which of the box are members, row-major; empty: all
  std::int64_t members = 1;
  std::int64_t rank = 0;  ///< 0 = the least of the members
};

/// A rank filter that is ready on a device other than the CPU; made by its DeviceBackend.
class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual std::size_t workspace_bytes() const = 0;
  /// How the work is cut, in one line.
  [[nodiscard]] virtual std::string policy() const = 0;
  /// y = in every place the member of the window with the rank, in the order of rank_key.hpp.
  ///
  /// x and y have the shapes, strides and types that the task was made for, and do not overlap.
  /// Neither allocates nor waits.
  virtual void run(const ConstTensorView& x, const TensorView& y, const Stream& stream,
                   const Workspace& workspace) const = 0;
};

}  // namespace faltung::rank
