#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "cuda/runtime/cudnn_convolution.hpp"

namespace faltung::cuda::cudnn {
namespace {

using Values = std::vector<std::int64_t>;

// cuDNN wants at least two spatial axes: a signal is an image of one row.
Values with_row(Values values, std::int64_t neutral) {
  if (values.size() == 1) values.insert(values.begin(), neutral);
  return values;
}

template <typename Member>
Values per_axis(const Problem& problem, Member member, std::int64_t neutral) {
  Values values;
  for (const Axis& axis : problem.axes) values.push_back(axis.*member);
  return with_row(std::move(values), neutral);
}

Values outputs_of(const Problem& problem) {
  Values values;
  for (const Axis& axis : problem.axes) values.push_back(axis.output());
  return with_row(std::move(values), 1);
}

// Whose tensor it is: the caller's of this number, or one between two operations, which is never
// stored.
struct TensorName {
  std::int64_t id = 0;
  bool inside = false;
};

// Extents in cuDNN's order (n, c, spatial), strides of the layout the memory has.
Descriptor tensor(const TensorName& name, DType type, Layout layout, std::int64_t alignment,
                  std::int64_t outer, std::int64_t channels, const Values& spatial) {
  Values extents = {outer, channels};
  extents.insert(extents.end(), spatial.begin(), spatial.end());
  Values strides(extents.size());
  std::int64_t step = layout == Layout::channels_last ? channels : 1;
  for (std::size_t axis = extents.size(); axis-- > 2;) {
    strides[axis] = step;
    step *= extents[axis];
  }
  strides[1] = layout == Layout::channels_last ? 1 : step;
  strides[0] = layout == Layout::channels_last ? step : step * channels;
  Descriptor descriptor(Kind::tensor);
  descriptor.set(Attribute::tensor_id, ValueType::int64, name.id)
      .set(Attribute::tensor_type, ValueType::data_type, type_of(type).value())
      .set(Attribute::tensor_alignment, ValueType::int64,
           std::max(alignment, static_cast<std::int64_t>(size_of(type))))
      .set(Attribute::tensor_virtual, ValueType::boolean, name.inside)
      .set(Attribute::tensor_extents, extents)
      .set(Attribute::tensor_strides, strides);
  return descriptor.finalize();
}

Descriptor convolution(const Problem& problem) {
  const Mode mode = problem.flip ? Mode::convolution : Mode::correlation;
  Descriptor descriptor(Kind::convolution);
  const Values dilation = per_axis(problem, &Axis::dilation, 1);
  descriptor
      .set(Attribute::convolution_type, ValueType::data_type, type_of(problem.accumulator).value())
      .set(Attribute::convolution_mode, ValueType::convolution_mode, mode)
      .set(Attribute::convolution_rank, ValueType::int64,
           static_cast<std::int64_t>(dilation.size()))
      .set(Attribute::convolution_dilations, dilation)
      .set(Attribute::convolution_strides, per_axis(problem, &Axis::stride, 1))
      .set(Attribute::convolution_pre_pads, per_axis(problem, &Axis::pad_lo, 0))
      .set(Attribute::convolution_post_pads, per_axis(problem, &Axis::pad_hi, 0));
  return descriptor.finalize();
}

// How the backend API spells the operation of a pass.
struct Words {
  Kind kind;
  Attribute x, w, y, convolution, alpha, beta;
};

Words words_of(Pass pass) {
  switch (pass) {
    case Pass::backward_data:
      return {Kind::backward_data, Attribute::data_dx,          Attribute::data_w,
              Attribute::data_dy,  Attribute::data_convolution, Attribute::data_alpha,
              Attribute::data_beta};
    case Pass::backward_filter:
      return {Kind::backward_filter, Attribute::filter_x,           Attribute::filter_dw,
              Attribute::filter_dy,  Attribute::filter_convolution, Attribute::filter_alpha,
              Attribute::filter_beta};
    case Pass::forward:
      break;
  }
  return {Kind::forward,          Attribute::forward_x,           Attribute::forward_w,
          Attribute::forward_y,   Attribute::forward_convolution, Attribute::forward_alpha,
          Attribute::forward_beta};
}

// The tensors of a problem.
class Tensors {
 public:
  Tensors(const Problem& problem, std::int64_t alignment)
      : p_(problem), alignment_(alignment), outputs_(outputs_of(problem)) {}

  [[nodiscard]] Descriptor x() const {
    return place({x_id}, p_.input, p_.batch, p_.in_channels, per_axis(p_, &Axis::input, 1));
  }
  [[nodiscard]] Descriptor w() const {
    return place({w_id}, p_.filter, p_.out_channels, p_.in_channels / p_.groups,
                 per_axis(p_, &Axis::filter, 1));
  }
  [[nodiscard]] Descriptor y() const { return outputs({y_id}, p_.output); }
  // Sums that are not rounded to y's type.
  [[nodiscard]] Descriptor sums(std::int64_t id) const {
    return outputs({id, true}, p_.accumulator);
  }
  [[nodiscard]] Descriptor bias() const {
    return place({bias_id}, p_.bias_dtype(), 1, p_.out_channels, Values(outputs_.size(), 1));
  }

 private:
  [[nodiscard]] Descriptor outputs(const TensorName& name, DType type) const {
    return place(name, type, p_.batch, p_.out_channels, outputs_);
  }
  [[nodiscard]] Descriptor place(const TensorName& name, DType type, std::int64_t outer,
                                 std::int64_t channels, const Values& spatial) const {
    return tensor(name, type, p_.layout, alignment_, outer, channels, spatial);
  }

  const Problem& p_;
  std::int64_t alignment_;
  Values outputs_;
};

// Into `y`.
Descriptor convolution_operation(const Problem& problem, const Tensors& tensors,
                                 const Descriptor& y) {
  const Words words = words_of(problem.pass);
  Descriptor descriptor(words.kind);
  descriptor.set(words.x, tensors.x())
      .set(words.w, tensors.w())
      .set(words.y, y)
      .set(words.convolution, convolution(problem))
      .set(words.alpha, ValueType::float64, problem.epilogue.alpha)
      .set(words.beta, ValueType::float64, problem.epilogue.beta);
  return descriptor.finalize();
}

// y = x + bias
Descriptor bias_operation(const Problem& problem, const Descriptor& x, const Descriptor& bias,
                          const Descriptor& y) {
  Descriptor function(Kind::pointwise), descriptor(Kind::pointwise_operation);
  function.set(Attribute::pointwise_mode, ValueType::pointwise_mode, Pointwise::add)
      .set(Attribute::pointwise_type, ValueType::data_type, type_of(problem.accumulator).value())
      .finalize();
  return descriptor.set(Attribute::pointwise_function, function)
      .set(Attribute::pointwise_x, x)
      .set(Attribute::pointwise_b, bias)
      .set(Attribute::pointwise_y, y)
      .finalize();
}

// y = max(x, 0)
Descriptor relu_operation(const Problem& problem, const Descriptor& x, const Descriptor& y) {
  Descriptor function(Kind::pointwise), descriptor(Kind::pointwise_operation);
  function.set(Attribute::pointwise_mode, ValueType::pointwise_mode, Pointwise::relu)
      .set(Attribute::pointwise_type, ValueType::data_type, type_of(problem.accumulator).value())
      .set(Attribute::relu_lower, ValueType::float64, 0.0)
      .finalize();
  return descriptor.set(Attribute::pointwise_function, function)
      .set(Attribute::pointwise_x, x)
      .set(Attribute::pointwise_y, y)
      .finalize();
}

}  // namespace

Descriptor graph_of(const Problem& problem, std::int64_t alignment) {
  constexpr std::int64_t sums_id = 100, biased_id = 101;
  const Tensors tensors(problem, alignment);
  const bool relu = problem.epilogue.activation.kind == ActivationKind::relu;
  const Descriptor y = tensors.y();
  std::vector<Descriptor> operations;
  if (!problem.epilogue.bias) {
    operations.push_back(convolution_operation(problem, tensors, y));
  } else {
    const Descriptor sums = tensors.sums(sums_id);
    const Descriptor biased = relu ? tensors.sums(biased_id) : y;
    operations.push_back(convolution_operation(problem, tensors, sums));
    operations.push_back(bias_operation(problem, sums, tensors.bias(), biased));
    if (relu) operations.push_back(relu_operation(problem, biased, y));
  }
  std::vector<RawDescriptor> raw;
  for (const Descriptor& operation : operations) raw.push_back(operation.get());
  Descriptor graph(Kind::graph);
  return graph
      .set(Attribute::graph_operations, ValueType::descriptor, std::span<const RawDescriptor>(raw))
      .finalize();
}

}  // namespace faltung::cuda::cudnn
