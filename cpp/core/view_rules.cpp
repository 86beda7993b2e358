#include "cpp/core/view_rules.hpp"

#include <cstdint>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/overlap.hpp"

namespace faltung {
namespace {

bool same_strides(const Shape& shape, const Strides& a, const Strides& b) {
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1 && a[i] != b[i]) return false;  // an axis of one element never steps
  }
  return true;
}

// CUDA kernels load a complex value in one access, which a GPU wants aligned to its size.
std::size_t alignment_of(DType type, DeviceKind kind) {
  if (kind == DeviceKind::cuda) return size_of(type);
  return visit_dtype(type, [](auto element) { return alignof(decltype(element)); });
}

void check_strides(const ConstTensorView& view, const ViewRule& rule) {
  if (view.strides.size() != view.shape.size()) {
    throw InvalidProblem(message(rule.name, " has ", view.strides.size(), " strides for ",
                                 view.shape.size(), " axes; give one stride per axis"));
  }
  const Strides wanted = rule.strides.empty() ? compact_strides(rule.shape) : rule.strides;
  if (element_count(view.shape) != 0 && !same_strides(rule.shape, view.strides, wanted)) {
    throw InvalidProblem(message(rule.name, " has strides ", view.strides, ", the problem says ",
                                 wanted, rule.strides.empty() ? " (compact)" : "",
                                 "; pass a view with these, or plan for its strides"));
  }
}

}  // namespace

ByteSpan byte_span(const ConstTensorView& view) {
  if (view.data == nullptr) return {};
  std::int64_t low = 0;
  std::int64_t high = 0;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    if (view.shape[i] == 0) return {};
    const std::int64_t reach = (view.shape[i] - 1) * view.strides[i];
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  const auto* data = static_cast<const std::byte*>(view.data);
  return {data + low * size, data + (high + 1) * size};
}

ViewRule x_rule(const Problem& p) {
  return {p.pass == Pass::backward_data ? "dx" : "x", p.input, p.x_shape(), p.x_strides};
}
ViewRule w_rule(const Problem& p) {
  return {p.pass == Pass::backward_filter ? "dw" : "w", p.filter, p.w_shape(), p.w_strides};
}
ViewRule y_rule(const Problem& p) {
  return {p.pass == Pass::forward ? "y" : "dy", p.output, p.y_shape(), p.y_strides};
}

void check_view(const ConstTensorView& view, const ViewRule& rule, const Device& device) {
  if (view.dtype != rule.dtype) {
    throw InvalidProblem(message(rule.name, " has type ", name(view.dtype), ", the problem says ",
                                 name(rule.dtype), "; convert it or plan for its type"));
  }
  if (view.shape != rule.shape) {
    throw InvalidProblem(message(rule.name, " has shape ", view.shape, ", the problem says ",
                                 rule.shape, "; plan for its shape"));
  }
  check_strides(view, rule);
  if (element_count(view.shape) == 0) return;
  if (view.device != device) {
    throw InvalidProblem(message(rule.name, " is on ", view.device, ", the plan runs on ", device,
                                 "; copy it with Tensor::to, or plan for its device"));
  }
  if (view.data == nullptr) {
    throw InvalidProblem(
        message(rule.name, " has no data (a null pointer) for shape ", view.shape));
  }
  const std::size_t alignment = alignment_of(view.dtype, view.device.kind);
  if (reinterpret_cast<std::uintptr_t>(view.data) % alignment != 0) {
    throw InvalidProblem(message(rule.name, " starts at address ", view.data,
                                 ", which is misaligned: ", name(view.dtype), " on ", device,
                                 " needs a multiple of ", alignment, " bytes"));
  }
}

bool is_given(const ConstTensorView& view) {
  return view.data != nullptr || (!view.shape.empty() && element_count(view.shape) != 0);
}

void check_apart(const ConstTensorView& written, std::string_view written_name,
                 const ConstTensorView& read, std::string_view read_name,
                 std::string_view way_out) {
  switch (overlap(written, read)) {
    case Overlap::no:
      return;
    case Overlap::yes:
      throw InvalidProblem(message(written_name, " overlaps ", read_name, " in memory; ", way_out));
    case Overlap::undecided:
      throw InvalidProblem(message(written_name, " may overlap ", read_name,
                                   " in memory: ", "shapes ", written.shape, " and ", read.shape,
                                   " with strides ", written.strides, " and ", read.strides,
                                   " leave it open after ", overlap_budget, " steps; ", way_out));
  }
}

}  // namespace faltung
