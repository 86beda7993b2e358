#pragma once

#include <algorithm>

#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung {

/// A forward problem, tap after tap: a row of the extended input, times one tap, is added to a row
/// of sums in Acc.
template <typename Acc>
class RowsTask final : public Task {
 public:
  explicit RowsTask(const Problem& p)
      : p_(p),
        x_(x_strides(p)),
        y_(y_strides(p)),
        input_(p, x_.spatial),
        packer_(p),
        result_(p),
        filter_(layout_.add<Acc>(packer_.size())),
        sums_(layout_.add<Acc>(p.axes.back().output())),
        values_(layout_.add<Acc>(p.axes.back().output())) {}

  std::size_t workspace_bytes() const override { return layout_.bytes(); }

  ErrorBound error_bound() const override {
    if (is_integer(p_.accumulator)) return {};  // exact
    return {ErrorBound::Kind::elementwise, sum_error(longest_sum(p_), p_.accumulator)};
  }

  std::string policy() const override { return "tap after tap"; }

  PlanFacts facts() const override {
    PlanFacts facts;                  // one thread, compilers' code
    facts.spreads_non_finite = true;  // of the filter, which meets the zeros outside
    return facts;
  }

  std::unique_ptr<PreparedFilter> prepare_filter(const Stream&, const void* w) const override {
    return packer_.prepare(w);
  }

  void run(const RunArguments& arguments) const override {
    const Acc* filter = packer_.filter(arguments, filter_.at(arguments.workspace));
    const std::int64_t taps = p_.in_channels / p_.groups * element_count(filter_extents(p_));
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      for (std::int64_t k = 0; k < p_.out_channels; ++k) {
        for_each_index(slow_extents(output_extents(p_)), [&](std::int64_t, const Extents& row) {
          run_row(arguments, filter + k * taps, b, k, row);
        });
      }
    }
  }

 private:
  // y[b, k, row, :] from all taps of output channel k.
  void run_row(const RunArguments& arguments, const Acc* tap, std::int64_t b, std::int64_t k,
               const Extents& row) const {
    const Axis& axis = p_.axes.back();
    const std::int64_t columns = axis.output();
    const std::int64_t inputs = p_.in_channels / p_.groups;
    const std::int64_t first_input = k / (p_.out_channels / p_.groups) * inputs;
    Acc* sums = sums_.at(arguments.workspace);
    Acc* values = values_.at(arguments.workspace);
    std::fill_n(sums, columns, Acc(0));
    for (std::int64_t c = first_input; c < first_input + inputs; ++c) {
      for_each_index(filter_extents(p_), [&](std::int64_t, const Extents& r) {
        const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, row, r));
        input_.load(arguments.first, b * x_.outer + c * x_.channel, place, r.back() * axis.dilation,
                    axis.stride, columns, values);
        for (std::int64_t o = 0; o < columns; ++o) sums[o] += product(*tap, values[o]);
        ++tap;
      });
    }
    result_.store(arguments, k, sums, columns,
                  b * y_.outer + k * y_.channel + offset_of(row, y_.spatial), y_.spatial.back());
  }

  Problem p_;
  TensorStrides x_, y_;
  ExtendedInput<Acc> input_;  // boundaries, input dilation, types
  FilterPacker<Acc> packer_;  // flip, conjugation, strides, types
  ResultRows<Acc> result_;    // epilogue, rounding, types
  WorkspaceLayout layout_;
  Piece<Acc> filter_, sums_, values_;
};

}  // namespace faltung
