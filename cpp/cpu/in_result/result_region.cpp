#include "cpp/cpu/in_result/result_region.hpp"

#include <algorithm>
#include <functional>

#include "cpp/core/normal_form.hpp"

namespace faltung {

bool ResultRegion::serves(const Problem& p) {
  std::int64_t expected = 1;
  const ResultRegion all(p);
  for (std::size_t d = all.dimensions_.size(); d-- > 0;) {
    if (all.dimensions_[d].stride != expected) return false;
    expected *= all.dimensions_[d].range.count;
  }
  return true;
}

ResultRegion::ResultRegion(const Problem& p) : p_(p) {
  const auto add = [&](Kind kind, std::size_t axis, std::int64_t stride, std::int64_t count) {
    if (count > 1) dimensions_.push_back({kind, axis, stride, {0, count}});
  };
  const bool of_filter = p.pass == Pass::backward_filter;
  const bool of_data = p.pass == Pass::backward_data;
  const TensorStrides to = of_filter ? w_strides(p) : of_data ? x_strides(p) : y_strides(p);
  const std::int64_t outputs = p.out_channels / p.groups, inputs = p.in_channels / p.groups;
  if (!of_filter) add(Kind::image, 0, to.outer, p.batch);
  add(Kind::group, 0, of_filter ? outputs * to.outer : (of_data ? inputs : outputs) * to.channel,
      p.groups);
  if (!of_data) add(Kind::output, 0, of_filter ? to.outer : to.channel, outputs);
  if (of_filter || of_data) add(Kind::input, 0, to.channel, inputs);
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    add(of_filter ? Kind::tap : Kind::place, a, to.spatial[a],
        of_filter ? axis.filter
        : of_data ? axis.input
                  : axis.output());
  }
  std::ranges::stable_sort(dimensions_, std::greater{}, &Dimension::stride);
}

std::size_t ResultRegion::slowest() const {
  const auto several = [](const Dimension& d) { return d.range.count > 1; };
  const auto at = std::ranges::find_if(dimensions_, several);
  const bool cuts =
      at == dimensions_.end() || at->kind != Kind::place || p_.pass != Pass::backward_data;
  return cuts ? static_cast<std::size_t>(at - dimensions_.begin()) : dimensions_.size();
}

std::int64_t ResultRegion::slices() const {
  const std::size_t d = slowest();
  return d == dimensions_.size() ? 1 : dimensions_[d].range.count;
}

std::size_t ResultRegion::bytes() const {
  std::size_t count = size_of(p_.result_dtype());
  for (const Dimension& d : dimensions_) count *= static_cast<std::size_t>(d.range.count);
  return count;
}

std::size_t ResultRegion::begin() const {
  std::int64_t at = 0;
  for (const Dimension& d : dimensions_) at += d.range.first * d.stride;
  return static_cast<std::size_t>(at) * size_of(p_.result_dtype());
}

ResultRegion ResultRegion::first(std::int64_t slices) const {
  ResultRegion some = *this;
  const std::size_t d = slowest();
  if (d != dimensions_.size()) some.dimensions_[d].range.count = slices;
  return some;
}

ResultRegion ResultRegion::without(std::int64_t slices) const {
  ResultRegion rest = *this;
  Range& range = rest.dimensions_[slowest()].range;
  range.first += slices;
  range.count -= slices;
  return rest;
}

Range ResultRegion::range(Kind kind, std::int64_t all, std::size_t axis) const {
  for (const Dimension& d : dimensions_) {
    if (d.kind == kind && d.axis == axis) return d.range;
  }
  return {0, all};
}

ProblemPart ResultRegion::part(const std::vector<Range>& taps) const {
  const bool of_filter = p_.pass == Pass::backward_filter;
  const std::int64_t all_inputs = p_.in_channels / p_.groups;
  const std::int64_t all_outputs = p_.out_channels / p_.groups;
  const Range images = range(Kind::image, p_.batch), groups = range(Kind::group, p_.groups);
  const Range outputs = range(Kind::output, all_outputs), inputs = range(Kind::input, all_inputs);
  const TensorStrides x = x_strides(p_), w = w_strides(p_), y = y_strides(p_);
  const std::int64_t k = groups.first * all_outputs + outputs.first;
  const std::int64_t c = groups.first * all_inputs + inputs.first;

  ProblemPart part{.problem = p_};
  Problem& q = part.problem;
  part.x = images.first * x.outer + c * x.channel;
  part.w = k * w.outer + inputs.first * w.channel;
  part.y = images.first * y.outer + k * y.channel;
  for (std::size_t a = 0; a < p_.rank() && p_.pass != Pass::backward_data; ++a) {
    const Axis& axis = p_.axes[a];
    const Range places = range(Kind::place, axis.output(), a);
    Range some = of_filter ? range(Kind::tap, axis.filter, a) : taps[a];
    // Of a gradient it is the place in memory that is known.
    const std::int64_t first = some.first;
    if (of_filter && p_.flip) some.first = axis.filter - some.first - some.count;
    const AxisPart cut = AxisCut(p_, a).window(places, some);
    q.axes[a] = cut.axis;
    part.x += cut.x * x.spatial[a];
    part.w += (of_filter ? first : cut.w) * w.spatial[a];
    part.y += places.first * y.spatial[a];
  }
  if (q.x_strides.empty()) q.x_strides = compact_strides(p_.x_shape());
  if (q.w_strides.empty()) q.w_strides = compact_strides(p_.w_shape());
  if (q.y_strides.empty()) q.y_strides = compact_strides(p_.y_shape());
  q.batch = images.count;
  q.groups = groups.count;
  q.out_channels = groups.count * outputs.count;
  q.in_channels = groups.count * inputs.count;
  q = normal_form(q);
  part.x *= static_cast<std::int64_t>(size_of(p_.input));
  part.w *= static_cast<std::int64_t>(size_of(p_.filter));
  part.y *= static_cast<std::int64_t>(size_of(p_.output));
  part.bias = (p_.pass == Pass::backward_data ? c : k) *
              static_cast<std::int64_t>(size_of(p_.bias_dtype()));
  return part;
}

}  // namespace faltung
