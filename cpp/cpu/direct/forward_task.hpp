#pragma once

#include <memory>
#include <optional>

#include "cpp/core/engine.hpp"

namespace faltung::direct {

/// The task with vector kernels that takes a forward problem best, sums formed in Acc; null if
/// there is none.
template <typename Acc>
[[nodiscard]] std::unique_ptr<Task> forward_task(const Problem& p);

/// Microseconds of its run on one thread, if there is one.
[[nodiscard]] std::optional<double> forward_us(const Problem& p);

}  // namespace faltung::direct
