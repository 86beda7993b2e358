#pragma once

#include <faltung/tensor.hpp>
#include <string>
#include <vector>

#include "tests/oracles/call_options.hpp"

namespace faltung::oracles {

/// Calls one public function by its qualified name, "signal.convolve", with tensors in the order
/// of its parameters.
///
/// @throws std::out_of_range for an unknown name, and what the function throws.
[[nodiscard]] Tensor call(const std::string& name, const std::vector<ConstTensorView>& operands,
                          CallOptions& options);

}  // namespace faltung::oracles
