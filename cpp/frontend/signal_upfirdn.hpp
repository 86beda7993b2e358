#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>
#include "cpp/frontend/filter_steps.hpp"

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

/// A call in normal form, with x as it is filtered.
struct PreparedUpfirdn {
  Lowering lowering;           ///< its x: the caller's, or a copy that is compact
  bool copies = false;         ///< x is extended or converted first
  std::int64_t extension = 0;  ///< elements that the copy has more at both ends
};

/// Lowers operands that check_upfirdn has passed and that have elements; reads no data.
[[nodiscard]] PreparedUpfirdn prepare_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                              const UpfirdnOptions& options, std::size_t along,
                                              const Kept& kept, const TensorView* into = nullptr);

/// The filter of steps: the caller's view, or one of memory that they keep.
struct Taps {
  ConstTensorView view;
  std::shared_ptr<const Tensor> memory = {};
};

/// upfirdn from an image to y. Place::term may hold a copy.
void add_upfirdn(Steps& steps, Place from, const Taps& h, const UpfirdnOptions& options,
                 std::size_t along, const Kept& kept);

}  // namespace faltung::signal
