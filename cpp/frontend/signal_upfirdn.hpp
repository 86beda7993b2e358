#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/signal.hpp>

namespace faltung::signal {

/// Which elements of the up-sampled, filtered signal are kept: first, first + down, ...
struct Kept {
  std::int64_t first = 0;  ///< may be negative
  std::int64_t count = 0;
};

/// The axis of x. @throws InvalidProblem for what upfirdn refuses.
[[nodiscard]] std::size_t check_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                        const UpfirdnOptions& options);

/// upfirdn of operands that check_upfirdn has passed and that have elements.
[[nodiscard]] Tensor run_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                 const UpfirdnOptions& options, std::size_t along,
                                 const Kept& kept);

}  // namespace faltung::signal
