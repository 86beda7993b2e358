// scipy.signal's rank filters: those of image with zeros outside.

#include <faltung/error.hpp>
#include <faltung/rank.hpp>
#include "cpp/core/message.hpp"

namespace faltung::signal {
namespace {

void check_odd(std::string_view what, std::int64_t extent, std::size_t axis) {
  if (extent >= 1 && extent % 2 == 1) return;
  throw InvalidProblem(message(what, " is ", extent, " along axis ", axis,
                               "; the window is centred, so use an odd number of elements"));
}

}  // namespace

Tensor medfilt(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size) {
  const auto sizes = kernel_size.expand("kernel_size", x.shape.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) check_odd("kernel_size", sizes[i], i);
  return image::median_filter(x, {.size = kernel_size, .boundary = Boundary::zero()});
}

Tensor medfilt2d(const ConstTensorView& x, const PerAxis<std::int64_t>& kernel_size) {
  if (x.shape.size() != 2) {
    throw InvalidProblem(
        message("x has rank ", x.shape.size(), "; medfilt2d takes rank 2, medfilt any"));
  }
  return medfilt(x, kernel_size);
}

Tensor order_filter(const ConstTensorView& x, const ConstTensorView& domain, std::int64_t rank) {
  for (std::size_t i = 0; i < domain.shape.size(); ++i) check_odd("domain", domain.shape[i], i);
  if (rank < 0) {
    throw InvalidProblem(message("rank is ", rank, "; use 0, the least element, or more"));
  }
  return image::rank_filter(x, rank, {.footprint = domain, .boundary = Boundary::zero()});
}

}  // namespace faltung::signal
