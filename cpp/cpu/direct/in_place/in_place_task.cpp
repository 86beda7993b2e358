#include "cpp/cpu/direct/in_place/in_place_task.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/in_place/in_place_policy.hpp"
#include "cpp/cpu/prefetch.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::direct {
namespace {

constexpr std::int64_t rows_at_once = 4;  // that the kernel sums together, at most
// Rows are asked for two calls of the kernel before they are met.
constexpr std::int64_t rows_ahead = 2 * rows_at_once;
// Keep the tables of offsets small beside the images, and that of rows within the cache.
constexpr std::int64_t max_extent = std::int64_t{1} << 20;
constexpr std::int64_t max_rows_met = std::int64_t{1} << 11;

// Values read beyond the end of an axis.
std::int64_t read_above(const Axis& axis) {
  return extended_extent(axis) - axis.pad_lo - axis.input;
}

// The ends of rows are put together for vectors that start a whole number of them after the first.
template <typename Acc>
Box in_place_box(const Problem& p) {
  const ThreeAxes t(p);
  Box box = choose_box(t, p.batch * p.groups, p.in_channels / p.groups, sizeof(Acc), longest_sum(p),
                       rows_at_once);
  box[2] = std::min(ceil_divide(box[2], 16) * 16, t.axes[2].output());
  return box;
}

bool all_zeros(const Axis& axis) {
  return all_met(axis, [](const Boundary& b) { return b.kind == BoundaryKind::zero; });
}

// The constant of all boundaries that are constant, 0 if there is none.
std::complex<double> constant_of(const Problem& p) {
  std::complex<double> value = 0;
  for (const Axis& axis : p.axes) {
    all_met(axis, [&](const Boundary& b) {
      if (b.kind == BoundaryKind::constant) value = b.value;
      return true;
    });
  }
  return value;
}

// The instruction set that the problem is planned for.
std::string instruction_set() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  return elsewhere == nullptr ? cpu_target() : elsewhere->instruction_set;
}

// Values of a vector of the kernel.
template <typename Acc>
std::int64_t in_place_lanes() {
  return static_cast<std::int64_t>((instruction_set() == "avx512" ? 64 : 32) / sizeof(Acc));
}

// Whether the ends of rows and what lies beyond the slower axes can be had without a buffer.
template <typename Acc>
bool has_plain_boundaries(const Problem& p) {
  const std::int64_t lanes = in_place_lanes<Acc>();
  const Axis& x = p.axes.back();
  const bool zeros = all_zeros(x);
  const bool met = !all_met(x, [](const Boundary&) { return false; });
  if (!zeros) {
    const bool mixed = !all_met(x, [](const Boundary& b) { return b.kind != BoundaryKind::zero; });
    if (mixed || x.input < lanes || x.pad_lo >= lanes || read_above(x) >= lanes) return false;
  }
  const std::complex<double> constant = constant_of(p);
  return std::ranges::all_of(p.axes, [&](const Axis& axis) {
    return all_met(axis, [&](const Boundary& b) {
      return b.kind != BoundaryKind::constant || ((!zeros || !met) && b.value == constant);
    });
  });
}

template <typename Acc, typename Element>
bool has_kernel() {
  if (cpu_machine_elsewhere() == nullptr) return in_place_kernel<Acc, Element>() != nullptr;
  const std::string set = instruction_set();
  return set == "avx512" || set == "avx2";
}

}  // namespace

template <typename Acc, typename Element>
bool InPlaceTask<Acc, Element>::serves(const Problem& p) {
  if (p.pass != Pass::forward || p.rank() < 2 || p.rank() > 3 || p.input != dtype_of<Element> ||
      x_strides(p).spatial[p.rank() - 1] != 1 ||
      std::ranges::any_of(p.axes, [](const Axis& axis) { return axis.input_dilation != 1; })) {
    return false;
  }
  const Axis& x = p.axes.back();
  const Axis& y = p.axes[p.rank() - 2];
  const bool every_column = x.stride == 1;
  // Vectors of four numbers are shifted more often than they save.
  const bool every_other = x.stride == 2 && all_zeros(x) && in_place_lanes<Acc>() >= 8;
  if (x.dilation != 1 || !(every_column || every_other)) return false;
  for (std::size_t a = 0; a + 1 < p.rank(); ++a) {
    if (extended_extent(p.axes[a]) > max_extent) return false;
  }
  const std::int64_t planes = p.in_channels / p.groups * (p.rank() == 3 ? p.axes[0].filter : 1);
  if (planes > max_rows_met / (rows_at_once + y.filter - 1)) return false;
  // Without a stride stencils are faster for two rows of taps, and for doubles that share no rows.
  const bool pays = shares_rows(y, x) || y.stride > 1 || every_other ||
                    (sizeof(Acc) == 4 && (y.filter != 2 || y.dilation > 1));
  return pays && x.filter <= max_in_place_taps && has_plain_boundaries<Acc>(p) &&
         has_kernel<Acc, Element>();
}

template <typename Acc, typename Element>
InPlaceTask<Acc, Element>::InPlaceTask(const Problem& problem)
    : BoxTask(problem, ThreeAxes(problem), in_place_box<Acc>(problem), problem.groups, 1,
              std::make_unique<DirectTask<Acc>>(problem)),
      packer_(problem),
      result_(problem),
      kernel_(in_place_kernel<Acc, Element>()),
      taps_(element_count(filter_extents(problem))),
      planes_(group_inputs_ * t_.axes[0].filter),
      rows_together_(shares_rows(t_.axes[1], t_.axes[2]) ? rows_at_once : 1) {
  find_blocks();
  stores_in_place_ = results_are_sums<Acc>(p_) && t_.y[2] == 1;
  streams_ = stores_in_place_ && one_block_ && leaves_caches(p_);
  share(in_place_us(p_));
  find_offsets();
  if (!all_zeros(t_.axes[2])) find_ends();
  add_weights<Acc>(packer_.size());
  rows_ = layout_.slot.add<const Element*>(planes_ * x_rows());
  sums_ = layout_.slot.add<Acc>(stores_in_place_ ? 0 : rows_at_once * box_[2]);
  block_sums_ = layout_.slot.add<Acc>(one_block_ ? 0 : rows_at_once * box_[2]);
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::find_blocks() {
  const Extents extents{group_inputs_, t_.axes[0].filter, t_.axes[1].filter, t_.axes[2].filter};
  const Extents steps = sum_steps(extents);
  for (std::int64_t c = 1; c <= group_inputs_; ++c) {
    for (std::int64_t r = steps[1]; r < extents[1]; r += steps[1]) {
      plane_ends_.push_back((c - 1) * extents[1] + r);
    }
    if (c % steps[0] == 0 || c == group_inputs_) plane_ends_.push_back(c * extents[1]);
  }
  row_step_ = steps[2];
  one_block_ = plane_ends_.size() == 1 && row_step_ == extents[2];
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::find_offsets() {
  for (std::size_t a = 0; a < 2; ++a) {
    const Axis& axis = t_.axes[a];
    for (std::int64_t i = 0; i < extended_extent(axis); ++i) {
      const auto [j, boundary] = axis_place(axis, i);
      const bool constant = j == outside && boundary->kind == BoundaryKind::constant;
      offsets_[a].push_back(constant ? constants : j == outside ? zeros : j * t_.x[a]);
    }
  }
  constant_row_.assign(static_cast<std::size_t>(t_.axes[2].input),
                       static_cast<Element>(as_element<Acc>(constant_of(p_), p_.input)));
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::find_ends() {
  const std::int64_t lanes = in_place_lanes<Acc>();
  const Axis& axis = t_.axes[2];
  const auto end_at = [&](std::int64_t start) {
    InPlaceEnd<Acc> end{};
    for (std::int64_t l = 0; l < lanes; ++l) {
      const std::int64_t j = axis_place(axis, axis.pad_lo + start + l).index;
      if (j == outside) continue;
      end.inside |= 1u << l;
      // Lanes that are not needed may map to neither vector.
      const std::int64_t in_last = std::clamp<std::int64_t>(j - (axis.input - lanes), 0, lanes - 1);
      end.index[static_cast<std::size_t>(l)] =
          static_cast<typename InPlaceEnd<Acc>::Index>(j < lanes ? j : lanes + in_last);
    }
    return end;
  };
  // Vectors start a whole number of vectors after the first one.
  const std::int64_t past = axis.input + axis.pad_lo;
  const std::int64_t second = ceil_divide(past, lanes) * lanes - axis.pad_lo;
  ends_ = std::make_unique<InPlaceEnds<Acc>>(
      InPlaceEnds<Acc>{.left = end_at(-axis.pad_lo),
                       .right = {end_at(second - lanes), end_at(second)},
                       .constant = as_element<Acc>(constant_of(p_), p_.input)});
}

template <typename Acc, typename Element>
std::string InPlaceTask<Acc, Element>::policy() const {
  return message("boxes of ", box_text(box_), " outputs, read in place");
}

template <typename Acc, typename Element>
const void* InPlaceTask<Acc, Element>::make_weights(const void* w, void* to, std::byte*,
                                                    int) const {
  const Acc* filter = packer_.filter(w, static_cast<Acc*>(to));
  return pads_zeros_ && !all_finite(filter, p_.out_channels * group_inputs_ * taps_) ? nullptr
                                                                                     : filter;
}

template <typename Acc, typename Element>
bool InPlaceTask<Acc, Element>::compute(const RunArguments& arguments) const {
  const auto* filter = find_weights<Acc>(arguments);
  if (filter == nullptr) return false;
  for_each_box(arguments, [&](const Work& work) { compute_box(arguments, filter, work); });
  return true;
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::compute_box(const RunArguments& arguments, const Acc* filter,
                                            const Work& work) const {
  const Element* image =
      static_cast<const Element*>(arguments.first) + input_at(work, work.group * group_inputs_);
  InPlaceRows<Acc, Element> a{.x = rows_.at(work.workspace),
                              .x_rows = x_rows(),
                              .width = t_.axes[2].input,
                              .ends = ends_.get(),
                              .first_column = work.first[2] * t_.axes[2].stride - t_.axes[2].pad_lo,
                              .column_stride = t_.axes[2].stride,
                              .plane_count = planes_,
                              .tap_rows = t_.axes[1].filter,
                              .taps = t_.axes[2].filter,
                              .w = nullptr,
                              .y = sums_.at(work.workspace),
                              .y_row_step = stores_in_place_ ? t_.y[1] : box_[2],
                              .rows = 0,
                              .columns = work.outputs[2],
                              .streams = streams_,
                              .zero = needs_order(p_) ? Acc(0) : -Acc(0)};
  for (std::int64_t k = work.group * group_outputs_; k < (work.group + 1) * group_outputs_; ++k) {
    a.w = filter + k * group_inputs_ * taps_;
    for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
      std::int64_t to = output_at(work, k, z, 0);
      for (std::int64_t y = 0; y < work.outputs[1];
           y += rows_together_, to += rows_together_ * t_.y[1]) {
        a.rows = std::min(rows_together_, work.outputs[1] - y);
        find_rows(image, work, work.first[0] + z, work.first[1] + y, a.rows);
        if (group_inputs_ == 1) {
          prefetch_rows(image, work, z, y, static_cast<const Acc*>(arguments.result) + to);
        }
        sum_rows(arguments, work.workspace, a, k, to);
      }
    }
  }
}

// The row of the extended input that plane z and row y of the outputs meet with taps q and i, or
// those after them, null if it is zeros. The slowest axis that is outside decides.
template <typename Acc, typename Element>
const Element* InPlaceTask<Acc, Element>::row(const Element* image, std::int64_t z, std::int64_t q,
                                              std::int64_t y, std::int64_t i) const {
  const auto offset = [&](std::size_t axis, std::int64_t output, std::int64_t tap) {
    const auto [stride, dilation] = std::pair(t_.axes[axis].stride, t_.axes[axis].dilation);
    return offsets_[axis][static_cast<std::size_t>(output * stride + tap * dilation)];
  };
  const std::int64_t of_plane = offset(0, z, q);
  const std::int64_t of_row = offset(1, y, i);
  const std::int64_t decides = of_plane <= constants ? of_plane : of_row;
  if (decides == zeros) return nullptr;
  return decides == constants ? constant_row_.data() : image + of_plane + of_row;
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::find_rows(const Element* image, const Work& work, std::int64_t z,
                                          std::int64_t y, std::int64_t rows) const {
  const Element** to = rows_.at(work.workspace);
  for (std::int64_t c = 0; c < group_inputs_; ++c, image += x_.channel) {
    for (std::int64_t q = 0; q < t_.axes[0].filter; ++q, to += x_rows()) {
      for (std::int64_t i = 0; i < rows + t_.axes[1].filter - 1; ++i) {
        to[i] = row(image, z, q, y, i);
      }
    }
  }
}

// Asks for the rows of x that will be met for the first time, those of the last plane, and for
// those of y, which are written. The hardware follows long rows by itself, not many short ones: 32
// channels of 16x56x56 by 3x3x3 take 1.47 ms of a Zen 4 core, 1.71 without.
template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::prefetch_rows(const Element* image, const Work& work,
                                              std::int64_t z, std::int64_t y,
                                              const Acc* results) const {
  constexpr std::int64_t x_line = 64 / sizeof(Element);
  constexpr std::int64_t y_line = 64 / sizeof(Acc);
  const std::int64_t end = std::min(y + rows_ahead + rows_together_, work.outputs[1]);
  const std::int64_t first = work.first[2] * t_.axes[2].stride;
  for (std::int64_t i = y + rows_ahead; i < end; ++i) {
    const Element* x = row(image, work.first[0] + z, t_.axes[0].filter - 1, work.first[1] + i,
                           t_.axes[1].filter - 1);
    const std::int64_t columns =
        std::min(work.outputs[2] * t_.axes[2].stride, t_.axes[2].input - first);
    for (std::int64_t j = 0; x != nullptr && j < columns; j += x_line) {
      prefetch<CacheLevel::second>(x + first + j);
    }
    for (std::int64_t j = 0; stores_in_place_ && !streams_ && j < work.outputs[2]; j += y_line) {
      prefetch<CacheLevel::first, true>(results + (i - y) * t_.y[1] + j);
    }
  }
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::sum_rows(const RunArguments& arguments, std::byte* workspace,
                                         InPlaceRows<Acc, Element>& a, std::int64_t k,
                                         std::int64_t to) const {
  if (stores_in_place_) a.y = static_cast<Acc*>(arguments.result) + to;
  if (one_block_) {
    kernel_(a);
  } else {
    sum_blocks(workspace, a);
  }
  for (std::int64_t m = 0; !stores_in_place_ && m < a.rows; ++m) {
    result_.store(arguments, k, a.y + m * a.y_row_step, a.columns, to + m * t_.y[1], t_.y[2]);
  }
}

template <typename Acc, typename Element>
void InPlaceTask<Acc, Element>::sum_blocks(std::byte* workspace,
                                           const InPlaceRows<Acc, Element>& a) const {
  InPlaceRows<Acc, Element> block = a;
  std::int64_t plane = 0;
  for (const std::int64_t end : plane_ends_) {
    for (std::int64_t r = 0; r < a.tap_rows; r += row_step_) {
      block.x = a.x + plane * a.x_rows + r;
      block.plane_count = end - plane;
      block.tap_rows = std::min(row_step_, a.tap_rows - r);
      block.w = a.w + (plane * a.tap_rows + r) * a.taps;
      kernel_(block);
      if (block.y != a.y) {
        for (std::int64_t m = 0; m < a.rows; ++m) {
          for (std::int64_t i = 0; i < a.columns; ++i) {
            a.y[m * a.y_row_step + i] += block.y[m * box_[2] + i];
          }
        }
      }
      block.y = block_sums_.at(workspace);
      block.y_row_step = box_[2];
    }
    plane = end;
  }
}

template class InPlaceTask<float>;
template class InPlaceTask<float, std::uint8_t>;
template class InPlaceTask<double>;

}  // namespace faltung::direct
