#include "cuda/direct/direct_lowering.hpp"

#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::direct {

std::string refusal(const Problem& p) {
  if (p.pass == Pass::backward_filter) return "computes y and dx, not dw";
  if (needs_order(p)) {
    if (std::string reason = order_refusal(p); !reason.empty()) return reason;
    if (p.rank() > max_rank) {
      return message("has ", p.rank(), " axes, the kernel that sums in order takes ", max_rank);
    }
  }
  const std::size_t rank = fold_axes(p, max_rank).left;
  if (rank > max_rank) {
    return message("has ", rank,
                   " axes that are no batch (a filter extent, stride, input dilation "
                   "or pad of its own), the kernel takes ",
                   max_rank);
  }
  for (std::size_t i = 0; p.pass == Pass::backward_data && i < p.rank(); ++i) {
    if (std::string reason = gradient_refusal(p.axes[i], i); !reason.empty()) return reason;
  }
  return {};
}

Geometry lower(const Problem& p) {
  Geometry g;
  lower_batch(p, fold_axes(p, max_rank), g);
  g.conjugate = p.conjugate == (p.pass == Pass::forward);
  return g;
}

}  // namespace faltung::cuda::direct
