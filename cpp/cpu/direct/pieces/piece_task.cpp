#include "cpp/cpu/direct/pieces/piece_task.hpp"

#include <algorithm>
#include <stdexcept>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/extended_axis.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/single_thread.hpp"
#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/direct/ways.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

// What is left for the workspace of a problem.
constexpr std::size_t task_bytes = stack_bytes - 2 * sums_bytes - 1024;

}  // namespace

// What a thread computes at a time: where it is, and its memory.
template <typename Acc>
struct PieceTask<Acc>::Piece {
  const RunArguments& arguments;
  Ranges& ranges;
  TensorStrides strides;  // of the sums
  Acc* sums;
  std::int64_t count;
  Acc* some;  // of one problem
  std::byte* workspace;
};

template <typename Acc>
PieceTask<Acc>::PieceTask(const Problem& problem, std::size_t most)
    : p_(problem),
      rank_(problem.rank()),
      dimensions_(places + 2 * rank_),
      all_(all_counts(problem)),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)),
      result_(problem) {
  for (std::size_t a = 0; a < rank_; ++a) cuts_.emplace_back(p_, a);
  for (std::size_t limit = most; !make_tasks(limit); limit /= 2) {
  }
  threads_ = plan_threads(piece_count_, pieces_us(p_));
}

template <typename Acc>
Range PieceTask<Acc>::range(std::size_t dimension, std::int64_t index) const {
  const std::int64_t first = index * counts_[dimension];
  return {first, std::min(counts_[dimension], all_[dimension] - first)};
}

// Calls f() for all pieces of the result, or all problems of one, with their ranges set.
template <typename Acc>
template <typename F>
void PieceTask<Acc>::for_each(bool results, Ranges& ranges, F&& f) const {
  std::array<std::int64_t, max_dimensions> index{};
  const auto set = [&](std::size_t d) { ranges[d] = range(d, index[d]); };
  for (std::size_t d = 0; d < dimensions_; ++d) {
    if (is_result(p_, d) == results) set(d);
  }
  for (;;) {
    f();
    std::size_t d = dimensions_;
    while (d-- > 0) {
      if (is_result(p_, d) != results) continue;
      index[d] = index[d] + 1 < steps_[d] ? index[d] + 1 : 0;
      set(d);
      if (index[d] != 0) break;
    }
    if (d == static_cast<std::size_t>(-1)) return;
  }
}

template <typename Acc>
std::vector<Range> PieceTask<Acc>::all_ranges(std::size_t dimension) const {
  std::vector<Range> ranges;
  for (std::int64_t i = 0; i < steps_[dimension]; ++i) ranges.push_back(range(dimension, i));
  return ranges;
}

// The place of a part among the axes: of ranges, and of some positions where an axis has several.
template <typename Acc>
std::uint32_t PieceTask<Acc>::which_axis(std::size_t a, const Ranges& ranges,
                                         std::size_t position) const {
  const auto index_of = [&](std::size_t d) {
    return static_cast<std::size_t>(ranges[d].first / counts_[d]);
  };
  return parts_[a].which(index_of(places + a), position, index_of(taps_of(a, rank_)));
}

// The tasks of pieces of at most so many elements; false if one needs more memory than there is.
template <typename Acc>
bool PieceTask<Acc>::make_tasks(std::size_t limit) {
  counts_ = piece_counts(p_, static_cast<double>(limit));
  steps_.fill(1);
  piece_count_ = piece_values_ = 1;
  for (std::size_t d = 0; d < dimensions_; ++d) {
    steps_[d] = ceil_divide(all_[d], counts_[d]);
    if (is_result(p_, d)) piece_count_ *= steps_[d];
    if (is_result(p_, d)) piece_values_ *= counts_[d];
  }
  parts_.clear();
  std::size_t count = 16;
  for (std::size_t a = 0; a < rank_; ++a) {
    parts_.emplace_back(cuts_[a], all_ranges(places + a), all_ranges(taps_of(a, rank_)),
                        p_.pass == Pass::backward_data);
    count *= parts_[a].axes().size();
  }
  tasks_.clear();
  tasks_.resize(count);
  const ScopedSingleThread alone;
  // One of each of the two sizes that ranges of channels have, of all axes together.
  for (std::size_t i = 0; i < count; ++i) {
    Ranges ranges{};
    bool exists = true;
    for (std::size_t d = images; d < places; ++d) {
      const bool last = (i >> d & 1U) != 0;
      ranges[d] = range(d, last ? steps_[d] - 1 : 0);
      exists = exists && last == (ranges[d].count != counts_[d]);
    }
    if (!exists) continue;
    std::vector<Axis> axes;
    std::size_t rest = i / 16;
    for (std::size_t a = 0; a < rank_; ++a) {
      axes.push_back(parts_[a].axes()[rest % parts_[a].axes().size()]);
      rest /= parts_[a].axes().size();
    }
    const Problem q = lowered(piece_problem(p_, ranges, axes));
    const DirectWay* way = way_of_piece(q);
    if (way != nullptr) tasks_[i] = way->make(q);
    if (way != nullptr && tasks_[i]->workspace_bytes() <= task_bytes) continue;
    if (limit <= 1) throw std::length_error("a problem of one product does not fit on the stack");
    return false;
  }
  return true;
}

template <typename Acc>
std::size_t PieceTask<Acc>::task_index(const Ranges& ranges, const Parts& parts) const {
  std::size_t index = 0;
  for (std::size_t a = rank_; a-- > 0;) index = index * parts_[a].axes().size() + parts.axis[a];
  for (std::size_t d = places; d-- > 0;) {
    index = 2 * index + (ranges[d].count != counts_[d] ? 1 : 0);
  }
  return index;
}

template <typename Acc>
ErrorBound PieceTask<Acc>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  // Of the problems, whose ways have bounds of their own, and of the sum of them.
  double own = 0, added = 1;
  for (const auto& task : tasks_) {
    if (task != nullptr) own = std::max(own, task->error_bound().constant);
  }
  for (std::size_t d = 0; d < dimensions_; ++d) {
    if (!is_result(p_, d)) added *= static_cast<double>(steps_[d]);
  }
  for (const PartAxes& parts : parts_) added *= static_cast<double>(parts.most_shown());
  const double sum = sum_error(added - 1, p_.accumulator);
  return {ErrorBound::Kind::elementwise, own + sum + own * sum};
}

template <typename Acc>
std::string PieceTask<Acc>::policy() const {
  return message(piece_count_, " pieces of at most ", piece_values_, " results, on the stack");
}

template <typename Acc>
PlanFacts PieceTask<Acc>::facts() const {
  return cpu_facts(threads_);
}

template <typename Acc>
void PieceTask<Acc>::run(const RunArguments& arguments) const {
  parallel_for(piece_count_, threads_, [&](std::int64_t index, int) { compute(arguments, index); });
}

template <typename Acc>
void PieceTask<Acc>::compute(const RunArguments& arguments, std::int64_t index) const {
  alignas(memory_alignment) std::byte memory[stack_bytes - 1024];
  Ranges ranges{};
  Shape shape;  // of the sums, as the result's axes are ordered
  std::int64_t outer = 1, channel = 1;
  Shape spatial;
  for (std::size_t d = dimensions_; d-- > 0;) {
    if (!is_result(p_, d)) continue;
    ranges[d] = range(d, index % steps_[d]);
    index /= steps_[d];
  }
  const std::int64_t k = ranges[groups].count * ranges[outputs].count;
  const std::int64_t c = ranges[groups].count * ranges[inputs].count;
  switch (p_.pass) {
    case Pass::forward:
      outer = ranges[images].count, channel = k;
      break;
    case Pass::backward_data:
      outer = ranges[images].count, channel = c;
      break;
    case Pass::backward_filter:
      outer = k, channel = ranges[inputs].count;
      break;
  }
  for (std::size_t d = places; d < dimensions_; ++d) {
    if (is_result(p_, d)) spatial.push_back(ranges[d].count);
  }
  shape.push_back(outer);
  if (p_.layout == Layout::channels_first) shape.push_back(channel);
  for (const std::int64_t extent : spatial) shape.push_back(extent);
  if (p_.layout == Layout::channels_last) shape.push_back(channel);
  const Piece piece{.arguments = arguments,
                    .ranges = ranges,
                    .strides = tensor_strides(p_.layout, shape, {}),
                    .sums = reinterpret_cast<Acc*>(memory),
                    .count = element_count(shape),
                    .some = reinterpret_cast<Acc*>(memory + sums_bytes),
                    .workspace = memory + 2 * sums_bytes};
  std::fill_n(piece.sums, piece.count, Acc(0));
  if (p_.pass == Pass::backward_data) {
    add_spread(piece);
  } else {
    for_each(false, ranges, [&] { add_windows(piece); });
  }
  store(piece);
}

template <typename Acc>
void PieceTask<Acc>::add_windows(const Piece& piece) const {
  Parts parts;
  for (std::size_t a = 0; a < rank_; ++a) {
    parts.at[a] = cuts_[a].window(piece.ranges[places + a], piece.ranges[taps_of(a, rank_)]);
    parts.axis[a] = which_axis(a, piece.ranges, 0);
  }
  add(piece, parts, {});
}

// Each combination of places where the axes show the elements of the piece.
template <typename Acc>
void PieceTask<Acc>::add_spread(const Piece& piece) const {
  std::array<const std::vector<Positions>*, max_spatial_rank> shown;
  Shape counts;
  for (std::size_t a = 0; a < rank_; ++a) {
    const std::int64_t range = piece.ranges[places + a].first / counts_[places + a];
    shown[a] = &parts_[a].shown(static_cast<std::size_t>(range));
    counts.push_back(std::ssize(*shown[a]));
  }
  for_each_index(counts, [&](std::int64_t, const Extents& which) {
    std::array<Positions, max_spatial_rank> to;
    bool folded = false;
    for (std::size_t a = 0; a < rank_; ++a) {
      to[a] = (*shown[a])[static_cast<std::size_t>(which[a])];
      folded = folded || to[a].folded;
    }
    for_each(false, piece.ranges, [&] {
      Parts parts;
      for (std::size_t a = 0; a < rank_; ++a) {
        const auto part = cuts_[a].spread(to[a], piece.ranges[taps_of(a, rank_)]);
        if (!part) return;
        parts.at[a] = *part;
        parts.axis[a] = which_axis(a, piece.ranges, static_cast<std::size_t>(which[a]));
      }
      add(piece, parts,
          folded ? std::span<const Positions>(to.data(), rank_) : std::span<const Positions>());
    });
  });
}

// Runs one problem and adds its results to the sums.
template <typename Acc>
void PieceTask<Acc>::add(const Piece& piece, const Parts& parts,
                         std::span<const Positions> folded) const {
  const Ranges& ranges = piece.ranges;
  const std::int64_t k = ranges[groups].first * all_[outputs] + ranges[outputs].first;
  const std::int64_t c = ranges[groups].first * all_[inputs] + ranges[inputs].first;
  std::int64_t x = ranges[images].first * x_.outer + c * x_.channel;
  std::int64_t w = k * w_.outer + ranges[inputs].first * w_.channel;
  std::int64_t y = ranges[images].first * y_.outer + k * y_.channel;
  for (std::size_t a = 0; a < rank_; ++a) {
    x += parts.at[a].x * x_.spatial[a];
    w += parts.at[a].w * w_.spatial[a];
    y += parts.at[a].y * y_.spatial[a];
  }
  const auto at = [](const void* data, std::int64_t offset, DType type) -> const void* {
    return static_cast<const std::byte*>(data) + offset * static_cast<std::int64_t>(size_of(type));
  };
  RunArguments own = piece.arguments;
  const bool of_data = p_.pass == Pass::backward_data;
  const bool of_filter = p_.pass == Pass::backward_filter;
  own.first = of_data ? at(own.first, y, p_.output) : at(own.first, x, p_.input);
  own.second = of_filter ? at(own.second, y, p_.output) : at(own.second, w, p_.filter);
  own.result = piece.some;
  own.bias = nullptr;
  own.workspace = piece.workspace;
  tasks_[task_index(ranges, parts)]->run(own);
  if (!folded.empty()) return fold(piece, folded);
  for (std::int64_t i = 0; i < piece.count; ++i) piece.sums[i] += piece.some[i];
}

// Gradients of positions, to the elements that these show.
template <typename Acc>
void PieceTask<Acc>::fold(const Piece& piece, std::span<const Positions> folded) const {
  const std::int64_t channels = piece.ranges[groups].count * piece.ranges[inputs].count;
  const bool last = p_.layout == Layout::channels_last;
  Shape shape{piece.ranges[images].count};
  Strides strides{piece.strides.outer};
  if (!last) shape.push_back(channels);
  if (!last) strides.push_back(piece.strides.channel);
  for (std::size_t a = 0; a < rank_; ++a) {
    shape.push_back(folded[a].count);
    strides.push_back(piece.strides.spatial[a]);
  }
  if (last) shape.push_back(channels);
  if (last) strides.push_back(piece.strides.channel);
  for_each_index(shape, [&](std::int64_t i, const Extents& index) {
    Extents to = index;
    for (std::size_t a = 0; a < rank_; ++a) {
      const std::size_t axis = a + (last ? 1 : 2);
      const Positions& some = folded[a];
      to[axis] = cuts_[a].element_at(some.first + index[axis] * some.step) -
                 piece.ranges[places + a].first;
    }
    piece.sums[offset_of(to, strides)] += piece.some[i];
  });
}

template <typename Acc>
void PieceTask<Acc>::store(const Piece& piece) const {
  const Ranges& ranges = piece.ranges;
  const bool of_filter = p_.pass == Pass::backward_filter;
  const TensorStrides& to = p_.pass == Pass::forward ? y_ : of_filter ? w_ : x_;
  const bool of_outputs = p_.pass != Pass::backward_data;
  const std::size_t channel = of_outputs ? outputs : inputs;
  const std::int64_t first_channel = ranges[groups].first * all_[channel] + ranges[channel].first;
  const std::int64_t channels = ranges[groups].count * ranges[channel].count;
  // [outer, inner]: images and channels, or output channels and input channels of a group.
  const Range outer = of_filter ? Range{first_channel, channels} : ranges[images];
  const Range inner = of_filter ? ranges[inputs] : Range{first_channel, channels};
  Shape rows;
  std::int64_t start = 0;
  for (std::size_t a = 0; a < rank_; ++a) {
    const Range& some = ranges[of_filter ? taps_of(a, rank_) : places + a];
    const bool flipped = of_filter && p_.flip;
    start += (flipped ? p_.axes[a].filter - 1 - some.first : some.first) * to.spatial[a];
    rows.push_back(some.count);
  }
  const std::int64_t count = rows.back();
  const std::int64_t sign = of_filter && p_.flip ? -1 : 1;
  for (std::int64_t i = 0; i < outer.count; ++i) {
    for (std::int64_t j = 0; j < inner.count; ++j) {
      for_each_index(slow_extents(rows), [&](std::int64_t, const Extents& row) {
        const Acc* sums = piece.sums + i * piece.strides.outer + j * piece.strides.channel +
                          offset_of(row, piece.strides.spatial);
        const std::int64_t step = piece.strides.spatial.back();
        if (step != 1) {
          for (std::int64_t t = 0; t < count; ++t) piece.some[t] = sums[t * step];
          sums = piece.some;
        }
        result_.store(piece.arguments, of_filter ? outer.first + i : inner.first + j, sums, count,
                      start + (outer.first + i) * to.outer + (inner.first + j) * to.channel +
                          sign * offset_of(row, to.spatial),
                      sign * to.spatial.back());
      });
    }
  }
}

template class PieceTask<float>;
template class PieceTask<double>;
template class PieceTask<std::complex<float>>;
template class PieceTask<std::complex<double>>;
template class PieceTask<std::uint32_t>;
template class PieceTask<std::uint64_t>;

}  // namespace faltung::direct
