#include "cpp/cpu/direct/pieces/piece_sizes.hpp"

#include <algorithm>

#include "cpp/core/extended_axis.hpp"

namespace faltung::direct {
namespace {

enum Tensor : std::size_t { x, w, y };

// Whether fewer along the dimension make the piece of the tensor smaller.
bool counts_in(const Problem& p, std::size_t dimension, std::size_t tensor) {
  switch (dimension) {
    case images:
      return tensor != w;
    case groups:
      return true;
    case outputs:
      return tensor != x;
    case inputs:
      return tensor != y;
    default:
      break;
  }
  if (dimension < taps_of(0, p.rank())) return tensor != w;
  return tensor == w || tensor == (p.pass == Pass::backward_data ? y : x);
}

// What a kernel wants at least: rows of some vectors, and as many channels as it sums at once.
std::int64_t wanted(const Problem& p, std::size_t dimension) {
  if (dimension == outputs || dimension == inputs) return 16;
  if (dimension < places) return 1;
  const std::size_t axis = (dimension - places) % p.rank();
  const bool row = axis + 1 == p.rank();
  if (dimension < taps_of(0, p.rank())) return row ? 256 : 4;
  return row ? 64 : 4;
}

// Halves the dimension that is the farthest above what is wanted; false if none can be.
bool cut(const Problem& p, std::size_t tensor, bool below_wanted, Counts& piece,
         const Counts& all) {
  std::size_t best = max_dimensions;
  double most = 1;
  for (std::size_t d = 0; d < places + 2 * p.rank(); ++d) {
    // Part of a group's channels is a problem without groups.
    if ((d == outputs || d == inputs) && piece[groups] > 1) continue;
    if (!counts_in(p, d, tensor)) continue;
    const std::int64_t least = below_wanted ? 1 : std::min(all[d], wanted(p, d));
    const double excess = static_cast<double>(piece[d]) / static_cast<double>(least);
    if (excess <= most) continue;
    most = excess;
    best = d;
  }
  if (best == max_dimensions) return false;
  piece[best] = ceil_divide(piece[best], 2);
  return true;
}

}  // namespace

bool is_result(const Problem& p, std::size_t dimension) {
  const bool of_filter = p.pass == Pass::backward_filter;
  if (dimension == images) return !of_filter;
  if (dimension == groups) return true;
  if (dimension == outputs) return p.pass != Pass::backward_data;
  if (dimension == inputs) return p.pass != Pass::forward;
  return of_filter == (dimension >= taps_of(0, p.rank()));
}

Counts all_counts(const Problem& p) {
  Counts all;
  all.fill(1);
  all[images] = p.batch;
  all[groups] = p.groups;
  all[outputs] = p.out_channels / p.groups;
  all[inputs] = p.in_channels / p.groups;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    all[places + a] = p.pass == Pass::backward_data ? axis.input : axis.output();
    all[taps_of(a, p.rank())] = axis.filter;
  }
  return all;
}

std::array<double, 3> piece_elements(const Problem& p, const Counts& piece) {
  const auto number = [&](std::size_t d) { return static_cast<double>(piece[d]); };
  const double each = number(groups);
  std::array<double, 3> count{number(images) * each * number(inputs),
                              each * number(outputs) * number(inputs),
                              number(images) * each * number(outputs)};
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const double some = number(places + a), taps = number(taps_of(a, p.rank()));
    const bool gradient = p.pass == Pass::backward_data;
    const auto step = static_cast<double>(gradient ? axis.input_dilation : axis.stride);
    const double window = (some - 1) * step + (taps - 1) * static_cast<double>(axis.dilation) + 1;
    count[x] *= gradient ? some : window;
    count[w] *= taps;
    count[y] *= gradient ? window / static_cast<double>(axis.stride) + 1 : some;
  }
  return count;
}

Counts piece_counts(const Problem& p, double limit) {
  const Counts all = all_counts(p);
  Counts piece = all;
  for (const bool below_wanted : {false, true}) {
    for (bool smaller = true; smaller;) {
      const auto elements = piece_elements(p, piece);
      const std::size_t largest = static_cast<std::size_t>(
          std::distance(elements.begin(), std::ranges::max_element(elements)));
      smaller = elements[largest] > limit && cut(p, largest, below_wanted, piece, all);
    }
  }
  return piece;
}

bool has_too_many_pieces(const Problem& p, const Counts& piece) {
  constexpr double max = 0x1p22;
  const Counts all = all_counts(p);
  const auto count = [&](std::size_t d) {
    return static_cast<double>(ceil_divide(all[d], piece[d]));
  };
  for (std::size_t a = 0; a < p.rank(); ++a) {
    if (count(places + a) * count(taps_of(a, p.rank())) > max) return true;
  }
  return false;
}

}  // namespace faltung::direct
