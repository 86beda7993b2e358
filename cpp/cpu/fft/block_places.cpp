#include "cpp/cpu/fft/block_places.hpp"

#include <algorithm>

namespace faltung::fft {
namespace {

Extents concatenate(const Extents& a, const Extents& b) {
  Extents result = a;
  for (const std::int64_t value : b) result.push_back(value);
  return result;
}

}  // namespace

BlockPlaces::BlockPlaces(const Problem& problem, const BlockPlan& plan)
    : plan_(plan),
      p_(plan_.problem),
      last_(p_.axes.back()),
      points_(element_count(plan_.lengths)),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)) {
  for (TensorStrides* tensor : {&x_, &w_, &y_}) tensor->spatial = reordered(tensor->spatial);
}

Strides BlockPlaces::reordered(const Strides& strides) const {
  Strides result;
  for (const std::int64_t a : plan_.order) result.push_back(strides[static_cast<std::size_t>(a)]);
  return result;
}

BlockPlaces::Place BlockPlaces::place(std::int64_t block) const {
  const std::size_t transformed = plan_.lengths.size();
  Place at{Extents::filled(plan_.skipped, 0), Extents::filled(transformed, 0),
           Extents::filled(transformed, 0)};
  for (std::size_t t = transformed; t-- > 0; block /= plan_.tiles[t]) {
    at.first[t] = block % plan_.tiles[t] * plan_.tile[t];
    at.outputs[t] = std::min(plan_.tile[t], axis(t).output() - at.first[t]);
  }
  for (std::size_t a = plan_.skipped; a-- > 0; block /= plan_.blocks[a]) {
    at.skipped[a] = block % plan_.blocks[a];
  }
  return at;
}

std::int64_t BlockPlaces::row_start(const Extents& places) const {
  std::int64_t row = 0;
  for (std::size_t t = 0; t < places.size(); ++t) row = row * plan_.lengths[t] + places[t];
  return row * plan_.lengths.back();
}

std::int64_t BlockPlaces::window(const Place& at, std::size_t t) const {
  const std::int64_t reach = (at.outputs[t] - 1) * axis(t).stride + axis(t).effective_filter();
  if (at.outputs[t] < axis(t).output()) return reach;
  return std::min(reach, needed_range(p_, plan_.skipped + t).end) - plan_.origin[t];
}

Box BlockPlaces::x_box(std::int64_t block) const {
  const Place at = place(block);
  Box box{Extents::filled(plan_.lengths.size(), 0), {}};
  for (std::size_t t = 0; t < plan_.lengths.size(); ++t) box.end.push_back(window(at, t));
  return box;
}

Box BlockPlaces::y_box(std::int64_t block) const {
  const Place at = place(block);
  Box box;
  for (std::size_t t = 0; t < plan_.lengths.size(); ++t) {
    box.begin.push_back(output_place(t, 0));
    box.end.push_back(output_place(t, at.outputs[t] - 1) + 1);
  }
  return box;
}

Box BlockPlaces::w_box() const {
  Box box{Extents::filled(plan_.lengths.size(), 0), {}};
  for (std::size_t t = 0; t < plan_.lengths.size(); ++t) {
    box.end.push_back(axis(t).effective_filter());
  }
  return box;
}

std::int64_t BlockPlaces::output_place(std::size_t t, std::int64_t output) const {
  return axis(t).effective_filter() - 1 + output * axis(t).stride - plan_.origin[t];
}

Extents BlockPlaces::output_places(const Extents& slow) const {
  Extents places = slow;
  for (std::size_t t = 0; t < places.size(); ++t) places[t] = output_place(t, slow[t]);
  return places;
}

Extents BlockPlaces::tap_places(const Extents& slow) const {
  Extents places = slow;
  for (std::size_t t = 0; t < places.size(); ++t) places[t] = tap_place(axis(t), slow[t]);
  return places;
}

// The row of x at these positions of the block.
RowPlace BlockPlaces::input_row(const Strides& strides, const Place& at,
                                const Extents& positions) const {
  Extents position = at.skipped;
  for (std::size_t a = 0; a < position.size(); ++a) position[a] *= p_.axes[a].stride;
  for (std::size_t t = 0; t < positions.size(); ++t) {
    position.push_back(at.first[t] * axis(t).stride + plan_.origin[t] + positions[t]);
  }
  return row_place(p_.axes, strides, position);
}

// The first output of a row, in the order of the problem's axes.
Extents BlockPlaces::original_output(const Place& at, const Extents& slow) const {
  Extents outputs = at.first;
  for (std::size_t t = 0; t < slow.size(); ++t) outputs[t] += slow[t];
  const Extents here = concatenate(at.skipped, outputs);
  Extents result = Extents::filled(here.size(), 0);
  for (std::size_t a = 0; a < here.size(); ++a) {
    result[static_cast<std::size_t>(plan_.order[a])] = here[a];
  }
  return result;
}

std::int64_t BlockPlaces::output_offset(std::int64_t b, std::int64_t k, const Place& at,
                                        const Extents& slow) const {
  Extents outputs = at.first;
  for (std::size_t t = 0; t < slow.size(); ++t) outputs[t] += slow[t];
  return b * y_.outer + k * y_.channel + offset_of(concatenate(at.skipped, outputs), y_.spatial);
}

// Of the row's first tap in the order of the formula, which `flip` reverses in memory.
std::int64_t BlockPlaces::tap_offset(std::int64_t k, std::int64_t c, const Extents& slow) const {
  std::int64_t offset = k * w_.outer + c * w_.channel;
  for (std::size_t a = plan_.skipped; a < p_.rank(); ++a) {
    const std::int64_t r = a + 1 < p_.rank() ? slow[a - plan_.skipped] : 0;
    offset += (p_.flip ? p_.axes[a].filter - 1 - r : r) * w_.spatial[a];
  }
  return offset;
}

std::int64_t BlockPlaces::tap_step() const {
  return p_.flip ? -w_.spatial.back() : w_.spatial.back();
}

}  // namespace faltung::fft
