#pragma once

#include <type_traits>
#include <utility>

#include "cuda/primitives/element.cuh"
#include "cuda/runtime/check.hpp"

/// From what is known when a plan is made to the instance of a kernel that was compiled for it.
namespace faltung::cuda {

/// Calls f with a zero of that one of `Types` which holds elements, or sums, of `type`.
///
/// @throws DeviceError if there is none: an engine offered what it has no kernel for.
template <typename... Types, typename F>
void visit_type(DType type, F&& f) {
  if (!((native_type<Types> == type && (f(Types{}), true)) || ...)) {
    throw DeviceError(message("no kernel is compiled for ", faltung::name(type)));
  }
}

/// Calls f with a std::integral_constant: that one of `values` which equals `value`.
///
/// @throws DeviceError if there is none.
template <int... values, typename F>
void visit_value(std::int64_t value, F&& f) {
  if (!((values == value && (f(std::integral_constant<int, values>{}), true)) || ...)) {
    throw DeviceError(message("no kernel is compiled for a size of ", value));
  }
}

}  // namespace faltung::cuda
