#pragma once

#include <memory>

#include "cpp/core/rank_window.hpp"

namespace faltung::cuda {

/// A rank filter by kernels of our own, on the device of x.
[[nodiscard]] std::unique_ptr<faltung::rank::Task> make_rank_task(
    const ConstTensorView& x, const TensorView& y, const faltung::rank::Window& window);

}  // namespace faltung::cuda
