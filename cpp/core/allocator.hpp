#pragma once

#include <faltung/allocator.hpp>

namespace faltung {

/// The caller's allocator, or the device's standard one if `{}` is given.
///
/// @throws InvalidProblem if only a part of one is given, which would be dropped.
[[nodiscard]] Allocator allocator_for(const Device& device, const Allocator& given);

}  // namespace faltung
