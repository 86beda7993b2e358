#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>

namespace faltung::signal {

/// Which elements of the up-sampled, filtered signal are kept: first, first + down, ...
struct Kept {
  std::int64_t first = 0;  ///< may be negative
  std::int64_t count = 0;
};

/// The axis of x. @throws InvalidProblem for what upfirdn refuses.
[[nodiscard]] std::size_t check_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                        const UpfirdnOptions& options);

[[nodiscard]] Shape shape_of_result(const ConstTensorView& x, std::size_t along, const Kept& kept);

/// @throws InvalidProblem for the modes that need an extended copy of x.
[[nodiscard]] Lowering lower_upfirdn_to(const ConstTensorView& h, const ConstTensorView& x,
                                        const UpfirdnOptions& options, std::size_t along,
                                        const Kept& kept);

/// A call in normal form and the x that it runs on.
struct PreparedUpfirdn {
  Lowering lowering;
  Tensor storage;     ///< of x, where that is an extended or converted copy
  ConstTensorView x;  ///< that, or the caller's
};

/// Lowers operands that check_upfirdn has passed and that have elements.
[[nodiscard]] PreparedUpfirdn prepare_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                              const UpfirdnOptions& options, std::size_t along,
                                              const Kept& kept, const TensorView* into = nullptr);

/// upfirdn of such operands, into a view or a new Tensor.
void run_upfirdn_into(const ConstTensorView& h, const ConstTensorView& x, const TensorView& y,
                      const UpfirdnOptions& options, std::size_t along, const Kept& kept);
[[nodiscard]] Tensor run_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                 const UpfirdnOptions& options, std::size_t along,
                                 const Kept& kept);

}  // namespace faltung::signal
