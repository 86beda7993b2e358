#pragma once

#include <faltung/masked.hpp>
#include "cpp/frontend/image_pass.hpp"
#include "cpp/frontend/masked.hpp"

namespace faltung::image {

/// A masked filter of an image, checked and planned, with what its passes are made of.
struct MaskedImage {
  masked::Masked masked;
  FilterPass pass;  ///< of x times its weights; w is that of masked.taps
};

/// The pass of the weights, which continue with what they weigh.
[[nodiscard]] FilterPass pass_of_weights(FilterPass pass);

/// @param keep  weights are copied, to be there when it runs
/// @throws as the public functions do.
[[nodiscard]] MaskedImage masked_image(Kind kind, const ConstTensorView& x,
                                       const ConstTensorView& w, const MaskedOptions& options,
                                       bool keep, masked::Cut cut);

}  // namespace faltung::image
