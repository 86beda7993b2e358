// scipy.signal's rank filters: those of image with zeros outside.

#include <faltung/error.hpp>
#include <faltung/rank.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

void check_odd(std::string_view what, std::int64_t extent, std::size_t axis) {
  if (extent >= 1 && extent % 2 == 1) return;
  throw InvalidProblem(message(what, " is ", extent, " along axis ", axis,
                               "; the window is centred, so use an odd number of elements"));
}

// How many elements of a window belong to it: those that are not 0.
std::int64_t checked_members(const ConstTensorView& domain, const ConstTensorView& x) {
  if (domain.shape.size() != x.shape.size()) {
    throw InvalidProblem(message("domain has rank ", domain.shape.size(), " and x rank ",
                                 x.shape.size(), "; give it one axis for each of x"));
  }
  check_operand(domain, "domain");
  for (std::size_t i = 0; i < domain.shape.size(); ++i) check_odd("domain", domain.shape[i], i);
  if (domain.data == nullptr) throw InvalidProblem("domain has no data (a null pointer)");
  if (is_complex(domain.dtype)) {
    throw InvalidProblem(message("domain has complex type ", name(domain.dtype),
                                 "; it says which elements belong to the window, so use u8"));
  }
  if (domain.device.kind != DeviceKind::cpu) {
    throw InvalidProblem(
        message("domain is on ", domain.device, "; copy it with Tensor::to(Device::cpu())"));
  }
  const FloatEnvironment environment;
  std::int64_t members = 0;
  visit_dtype(domain.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_index(domain.shape, [&](std::int64_t, const Extents& at) {
      const T value = static_cast<const T*>(domain.data)[offset_of(at, domain.strides)];
      if constexpr (!is_complex(dtype_of<T>)) members += static_cast<double>(value) != 0 ? 1 : 0;
    });
  });
  return members;
}

image::RankOptions medians(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                           const OrderFilterOptions& options) {
  const auto sizes = kernel_size.expand("kernel_size", x.shape.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) check_odd("kernel_size", sizes[i], i);
  return {.size = kernel_size, .boundary = Boundary::zero(), .run = options.run};
}

void check_rank_2(const ConstTensorView& x) {
  if (x.shape.size() == 2) return;
  throw InvalidProblem(
      message("x has rank ", x.shape.size(), "; medfilt2d takes rank 2, medfilt any"));
}

image::RankOptions ranks(const ConstTensorView& x, const ConstTensorView& domain, std::int64_t rank,
                         const OrderFilterOptions& options) {
  const std::int64_t members = checked_members(domain, x);
  if (members == 0) {
    throw InvalidProblem(message("domain of shape ", domain.shape,
                                 " has no element that is not 0; a window holds at least 1"));
  }
  if (rank < 0 || rank >= members) {
    throw InvalidProblem(message("rank is ", rank, ", domain has ", members,
                                 " elements that are not 0; use 0, the least, to ", members - 1));
  }
  return {.footprint = domain, .boundary = Boundary::zero(), .run = options.run};
}

}  // namespace

Tensor medfilt(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
               const OrderFilterOptions& options) {
  return image::median_filter(x, medians(x, kernel_size, options));
}
void medfilt(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
             const ResultView& y, const OrderFilterOptions& options) {
  image::median_filter(x, y, medians(x, kernel_size, options));
}
FilterPlan plan_medfilt(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                        const OrderFilterOptions& options) {
  return image::plan_median_filter(x, medians(x, kernel_size, options));
}

Tensor medfilt2d(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                 const OrderFilterOptions& options) {
  check_rank_2(x);
  return image::median_filter(x, medians(x, kernel_size, options));
}
void medfilt2d(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
               const ResultView& y, const OrderFilterOptions& options) {
  check_rank_2(x);
  image::median_filter(x, y, medians(x, kernel_size, options));
}
FilterPlan plan_medfilt2d(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size,
                          const OrderFilterOptions& options) {
  check_rank_2(x);
  return image::plan_median_filter(x, medians(x, kernel_size, options));
}

Tensor order_filter(const ConstTensorView& x, const ConstTensorView& domain, std::int64_t rank,
                    const OrderFilterOptions& options) {
  return image::rank_filter(x, rank, ranks(x, domain, rank, options));
}
void order_filter(const ConstTensorView& x, const ConstTensorView& domain, std::int64_t rank,
                  const ResultView& y, const OrderFilterOptions& options) {
  image::rank_filter(x, rank, y, ranks(x, domain, rank, options));
}
FilterPlan plan_order_filter(const ConstTensorView& x, const ConstTensorView& domain,
                             std::int64_t rank, const OrderFilterOptions& options) {
  return image::plan_rank_filter(x, rank, ranks(x, domain, rank, options));
}

}  // namespace faltung::signal
