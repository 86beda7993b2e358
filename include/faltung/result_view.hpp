#pragma once

#include <concepts>
#include <utility>

#include <faltung/tensor_view.hpp>

namespace faltung {

/// Where a function is to write its result: a TensorView, or a Tensor that is no temporary.
///
/// Nothing makes one out of `{}`, so that `f(x, k, {})` can only mean its options.
struct ResultView : TensorView {
  /// As the members of TensorView.
  ResultView(void* to, DType type, const Shape& extents, const Strides& steps,
             const Device& where = {})
      : TensorView{to, type, extents, steps, where} {}
  /// The view itself, or that of a Tensor.
  template <std::convertible_to<TensorView> View>
  ResultView(View&& view) : TensorView(static_cast<TensorView>(std::forward<View>(view))) {}
};

}  // namespace faltung
