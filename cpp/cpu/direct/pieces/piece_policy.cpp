#include "cpp/cpu/direct/pieces/piece_policy.hpp"

#include <cmath>

#include "cpp/core/geometry.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"

namespace faltung::direct {
namespace {

Counts first_counts(const Problem& p) {
  return piece_counts(p, static_cast<double>(sums_bytes / size_of(p.accumulator)));
}

}  // namespace

bool fits_in_pieces(const Problem& p) { return !has_too_many_pieces(p, first_counts(p)); }

double pieces_us(const Problem& p) {
  constexpr double call_us = 1;  // of a small problem, its filter packed once more
  constexpr double slower = 1.5;
  const Counts all = all_counts(p), piece = first_counts(p);
  double calls = 1;
  for (std::size_t d = 0; d < places + 2 * p.rank(); ++d) {
    calls *= std::ceil(static_cast<double>(all[d]) / static_cast<double>(piece[d]));
  }
  const DirectWay* way = way_of_piece(p);
  const double us = way != nullptr ? way->us(p) : plain_us(p);
  return slower * us + calls * call_us;
}

Problem piece_problem(const Problem& p, const Ranges& ranges, std::span<const Axis> axes) {
  Problem q = p;
  q.batch = ranges[images].count;
  q.groups = ranges[groups].count;
  q.out_channels = q.groups * ranges[outputs].count;
  q.in_channels = q.groups * ranges[inputs].count;
  q.axes.assign(axes.begin(), axes.end());
  q.epilogue = {};
  q.overflow = Overflow::wrap;
  if (q.x_strides.empty()) q.x_strides = compact_strides(p.x_shape());
  if (q.w_strides.empty()) q.w_strides = compact_strides(p.w_shape());
  if (q.y_strides.empty()) q.y_strides = compact_strides(p.y_shape());
  switch (q.pass) {
    case Pass::forward:
      q.y_strides = {};
      q.output = q.accumulator;
      break;
    case Pass::backward_data:
      q.x_strides = {};
      q.input = q.accumulator;
      break;
    case Pass::backward_filter:
      q.w_strides = {};
      q.filter = q.accumulator;
      q.flip = false;
      break;
  }
  return q;
}

const DirectWay* way_of_piece(const Problem& p) { return choose_way(ways_with_workspace(), p); }

}  // namespace faltung::direct
