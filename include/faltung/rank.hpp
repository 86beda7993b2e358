#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/image.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// Median, percentile and rank filters with the meaning of scipy.ndimage, and scipy.signal's forms
/// of them. They choose elements instead of summing them, so results are exact.
///
/// Order. Every real type, in the order of its numbers; -0 stands before +0, and NaN, of whatever
/// sign, after +inf. So one NaN in a window moves its median by half a place at most, and the
/// result is NaN only where the rank falls among the NaN. (scipy.ndimage leaves windows with NaN
/// undefined.) A NaN result is the quiet NaN without a sign.
///
/// Every function comes three times, as those of image.hpp do: one writes into a view of the
/// caller, one returns a new Tensor, `plan_...` makes a FilterPlan. No window is a convolution, so
/// there is nothing to lower. `x` has any rank up to 8 and any strides, on the CPU or a GPU, with
/// the same results. Threads as `faltung::threads()` says; results do not depend on them.
///
/// Errors. All throw InvalidProblem for an option that breaks its rule, for complex data, for a
/// result view whose shape is not that of `x`, and for overlapping memory; DeviceError if memory
/// runs out.
namespace faltung::image {

/// For the rank filters. Give `size` or `footprint`.
struct RankOptions {
  PerAxis<std::int64_t> size = {};  ///< elements in a full window, >= 1
  /// Elements that are not 0 are members of the window, as the taps of `correlate` lie. Real, on
  /// the CPU, with one axis for each that is filtered; at least one member. Read during the call.
  ConstTensorView footprint = {};
  PerAxis<Boundary> boundary = Boundary::reflect();
  PerAxis<std::int64_t> origin = 0;            ///< as in `correlate`
  std::vector<std::int64_t> axes = {};         ///< as in FilterOptions; the others are not filtered
  std::optional<DType> output = std::nullopt;  ///< type of the result; default: that of x
  Store store = {};                            ///< how elements become integers of another type
  Execution run = {};                          ///< without an engine: none chooses elements
};

/// The member of every window that has `rank` members below it: 0 is the least; negative ranks
/// count from the greatest, -1. Of n members: -n <= rank < n.
FALTUNG_API void rank_filter(const ConstTensorView& x, std::int64_t rank, const ResultView& y,
                             const RankOptions& options);
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor rank_filter(const ConstTensorView& x, std::int64_t rank,
                                             const RankOptions& options);
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_rank_filter(const ConstTensorView& x, std::int64_t rank,
                                                      const RankOptions& options);

/// The member with rank n/2 rounded down: of an even number the upper of the two in the middle.
FALTUNG_API void median_filter(const ConstTensorView& x, const ResultView& y,
                               const RankOptions& options);
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor median_filter(const ConstTensorView& x,
                                               const RankOptions& options);
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_median_filter(const ConstTensorView& x,
                                                        const RankOptions& options);

/// The member with rank n percentile / 100 rounded down, and the greatest for 100. Negative
/// percentiles count from 100: -100 <= percentile <= 100.
FALTUNG_API void percentile_filter(const ConstTensorView& x, double percentile, const ResultView& y,
                                   const RankOptions& options);
/// The same, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor percentile_filter(const ConstTensorView& x, double percentile,
                                                   const RankOptions& options);
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_percentile_filter(const ConstTensorView& x,
                                                            double percentile,
                                                            const RankOptions& options);

}  // namespace faltung::image

namespace faltung::signal {

/// For `medfilt`, `medfilt2d` and `order_filter`.
struct OrderFilterOptions {
  Execution run = {};  ///< without an engine, as in RankOptions
};

/// The median of windows with an odd number of elements along each axis, zeros outside x.
[[nodiscard]] FALTUNG_API Tensor medfilt(const ConstTensorView& x,
                                         const PerAxis<std::int64_t>& kernel_size = 3,
                                         const OrderFilterOptions& options = {});
/// The same, into y.
FALTUNG_API void medfilt(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                         const ResultView& y, const OrderFilterOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_medfilt(const ConstTensorView& x,
                                                  const PerAxis<std::int64_t>& kernel_size = 3,
                                                  const OrderFilterOptions& options = {});

/// The same for rank 2 only.
[[nodiscard]] FALTUNG_API Tensor medfilt2d(const ConstTensorView& x,
                                           const PerAxis<std::int64_t>& kernel_size = 3,
                                           const OrderFilterOptions& options = {});
/// The same, into y.
FALTUNG_API void medfilt2d(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                           const ResultView& y, const OrderFilterOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_medfilt2d(const ConstTensorView& x,
                                                    const PerAxis<std::int64_t>& kernel_size = 3,
                                                    const OrderFilterOptions& options = {});

/// The member with `rank` (0 = least) of the window of elements where `domain` is not 0; zeros
/// outside x. `domain` is real, on the CPU, has the rank of x and odd extents.
[[nodiscard]] FALTUNG_API Tensor order_filter(const ConstTensorView& x,
                                              const ConstTensorView& domain, std::int64_t rank,
                                              const OrderFilterOptions& options = {});
/// The same, into y.
FALTUNG_API void order_filter(const ConstTensorView& x, const ConstTensorView& domain,
                              std::int64_t rank, const ResultView& y,
                              const OrderFilterOptions& options = {});
/// Planned once.
[[nodiscard]] FALTUNG_API FilterPlan plan_order_filter(const ConstTensorView& x,
                                                       const ConstTensorView& domain,
                                                       std::int64_t rank,
                                                       const OrderFilterOptions& options = {});

}  // namespace faltung::signal
