#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <faltung/dtype.hpp>
#include "cpp/cpu/mean/division.hpp"
#include "cpp/cpu/mean/rows.hpp"

namespace faltung::mean {

/// The means of all windows of a panel, for one pair of types.
class Means {
 public:
  virtual ~Means() = default;

  /// Bytes of scratch that panels of such a shape take; a multiple of 64.
  [[nodiscard]] virtual std::int64_t scratch_bytes(const Rows& shape) const = 0;

  /// Every window of `shape` consists of its rows, until `add_to_base` gives it more.
  virtual void clear_base(const Rows& shape, std::byte* scratch) const = 0;

  /// Adds `times` the sum of the first `count` rows of a panel.
  virtual void add_to_base(const Rows& shape, const std::byte* panel, std::int64_t count,
                           std::int64_t times, std::byte* scratch) const = 0;

  /// `to` may be `panel` if results are no larger than elements.
  ///
  /// @param to        rows of results
  /// @param to_pitch  bytes between them; lanes up to the next multiple of `max_vector_lanes` are
  ///                  written
  virtual void run(const Rows& shape, const std::byte* panel, std::byte* scratch, std::byte* to,
                   std::int64_t to_pitch) const = 0;
};

/// @param x     real type of the elements
/// @param y     real type of the results
/// @param size  of the whole window, more than the rows of a panel may show of it
[[nodiscard]] std::unique_ptr<const Means> make_means(DType x, DType y, std::int64_t size,
                                                      StoreRule store);

}  // namespace faltung::mean
