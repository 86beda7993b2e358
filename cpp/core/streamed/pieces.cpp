#include "cpp/core/streamed/pieces.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "cpp/core/message.hpp"
#include "cpp/core/streamed/rows.hpp"

namespace faltung::streamed {
namespace {

struct Range {
  std::int64_t first = 0;
  std::int64_t count = 1;
};

/// Parts of at most `size`, as even as can be.
std::vector<Range> parts(std::int64_t extent, std::int64_t size) {
  const std::int64_t count = (extent + size - 1) / size;
  std::vector<Range> ranges;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = extent * i / count;
    ranges.push_back({begin, extent * (i + 1) / count - begin});
  }
  return ranges;
}

/// Where a piece lies in the loops over the problem. Channels are those of a group.
struct Place {
  Range batch, groups, out, in;
  std::size_t row = 0;  ///< of the row parts
};

bool sums_integers(const Problem& p) {
  return is_integer(p.accumulator) && is_integer(p.result_dtype());
}

class Cutter {
 public:
  Cutter(const Problem& problem, const Cut& cut)
      : problem_(problem),
        in_of_group_(problem.in_channels / problem.groups),
        out_of_group_(problem.out_channels / problem.groups),
        axis_(row_axis(problem)),
        batches_(parts(problem.batch, cut.batch)),
        groups_(parts(problem.groups, cut.groups)),
        outs_(parts(out_of_group_, cut.out_channels)),
        ins_(parts(in_of_group_, cut.in_channels)) {
    const Axis& axis = problem.axes[axis_];
    const bool data = problem.pass == Pass::backward_data;
    const std::int64_t extent = data ? axis.input : axis.output();
    if (cut.rows >= extent) {
      rows_ = {whole_axis(axis)};
      return;
    }
    for (const Range& range : parts(extent, cut.rows)) {
      rows_.push_back(data ? input_part(axis, range.first, range.count)
                           : output_part(axis, range.first, range.count));
    }
  }

  // The filter changes least often, and what is summed changes first.
  Pieces cut() {
    for (const Range& group : groups_) {
      switch (problem_.pass) {
        case Pass::forward:
          for (const Range& out : outs_) add_images({{}, group, out, {}});
          break;
        case Pass::backward_data:
          for (const Range& in : ins_) add_images({{}, group, {}, in});
          break;
        case Pass::backward_filter:
          for (const Range& out : outs_) {
            for (const Range& in : ins_) add_gradients({{}, group, out, in});
          }
      }
    }
    return std::move(made_);
  }

 private:
  void add_images(Place place) {
    const bool forward = problem_.pass == Pass::forward;
    const std::vector<Range>& summed = forward ? ins_ : outs_;
    for (const Range& batch : batches_) {
      place.batch = batch;
      for (place.row = 0; place.row < rows_.size(); ++place.row) {
        for (std::size_t i = 0; i < summed.size(); ++i) {
          (forward ? place.in : place.out) = summed[i];
          add(place, i == 0, i + 1 == summed.size());
        }
      }
    }
  }

  void add_gradients(Place place) {
    for (std::size_t b = 0; b < batches_.size(); ++b) {
      place.batch = batches_[b];
      for (place.row = 0; place.row < rows_.size(); ++place.row) {
        add(place, b == 0 && place.row == 0,
            b + 1 == batches_.size() && place.row + 1 == rows_.size());
      }
    }
  }

  void add(const Place& place, bool begins, bool ends) {
    Problem p = problem_;
    p.batch = place.batch.count;
    p.groups = place.groups.count;
    p.in_channels = place.groups.count * place.in.count;
    p.out_channels = place.groups.count * place.out.count;
    p.axes[axis_] = rows_[place.row].axis;
    p.x_strides = p.w_strides = p.y_strides = {};
    if (!begins) {
      p.epilogue.beta = 1;
      p.epilogue.bias = false;
    }
    const std::int64_t in = place.groups.first * in_of_group_ + place.in.first;
    const std::int64_t out = place.groups.first * out_of_group_ + place.out.first;
    Box x = box_of(place.batch.first, in, p.x_shape(), rows_[place.row].input);
    Box w = box_of(out, place.in.first, p.w_shape(), {});
    Box y = box_of(place.batch.first, out, p.y_shape(), rows_[place.row].output);
    Piece piece;
    piece.problem = number_of(std::move(p));
    piece.begins = begins;
    piece.ends = ends;
    switch (problem_.pass) {
      case Pass::forward:
        piece.first = std::move(x), piece.second = std::move(w), piece.result = std::move(y);
        piece.bias_first = out;
        break;
      case Pass::backward_data:
        piece.first = std::move(y), piece.second = std::move(w), piece.result = std::move(x);
        piece.bias_first = in;
        break;
      case Pass::backward_filter:
        piece.first = std::move(x), piece.second = std::move(y), piece.result = std::move(w);
        piece.bias_first = out;
    }
    made_.pieces.push_back(std::move(piece));
  }

  /// @param rows  along the row axis; empty: a tensor without it, all of its first axis' range
  [[nodiscard]] Box box_of(std::int64_t outer, std::int64_t channel, const Shape& shape,
                           const std::vector<Stretch>& rows) const {
    const bool last = problem_.layout == Layout::channels_last;
    Box box;
    box.first = Extents::filled(shape.size(), 0);
    box.shape = shape;
    box.first[0] = outer;
    box.first[last ? shape.size() - 1 : 1] = channel;
    if (rows.empty()) {
      box.rows = {{outer, shape[0], 1}};
    } else {
      box.row_axis = axis_ + (last ? 1 : 2);
      box.rows = rows;
    }
    return box;
  }

  std::size_t number_of(Problem problem) {
    const auto [found, is_new] = numbers_.try_emplace(problem, made_.problems.size());
    if (is_new) made_.problems.push_back(std::move(problem));
    return found->second;
  }

  const Problem& problem_;
  std::int64_t in_of_group_, out_of_group_;
  std::size_t axis_;
  std::vector<Range> batches_, groups_, outs_, ins_;
  std::vector<AxisPart> rows_;
  std::unordered_map<Problem, std::size_t> numbers_;
  Pieces made_;
};

}  // namespace

std::size_t row_axis(const Problem& problem) {
  for (std::size_t i = 0; i < problem.rank(); ++i) {
    const Axis& axis = problem.axes[i];
    if ((problem.pass == Pass::backward_data ? axis.input : axis.output()) > 1) return i;
  }
  return 0;
}

Cut whole(const Problem& problem) {
  const Axis& axis = problem.axes[row_axis(problem)];
  return {.batch = problem.batch,
          .groups = problem.groups,
          .out_channels = problem.out_channels / problem.groups,
          .in_channels = problem.in_channels / problem.groups,
          .rows = problem.pass == Pass::backward_data ? axis.input : axis.output()};
}

std::string partial_sums_refusal(const Problem& problem) {
  if (problem.epilogue.activation.kind != ActivationKind::none) {
    return "an activation is applied to whole sums";
  }
  if (problem.math == Math::reproducible) return "reproducible sums have one order";
  if (sums_integers(problem)) {
    return problem.overflow == Overflow::wrap ? "" : "overflow=saturate needs whole sums";
  }
  if (problem.result_dtype() == problem.accumulator) return {};
  return message("sums in ", name(problem.accumulator), " would be rounded to ",
                 name(problem.result_dtype()), " in between");
}

Cut finest(const Problem& problem) {
  Cut cut = whole(problem);
  const bool sums = partial_sums_refusal(problem).empty();
  const bool rows = rows_refusal(problem.pass, problem.axes[row_axis(problem)]).empty();
  const bool gradient = problem.pass == Pass::backward_filter;
  cut.groups = 1;
  if (!gradient || sums) cut.batch = 1;
  if (rows && (!gradient || sums)) cut.rows = 1;
  if (problem.pass != Pass::backward_data || sums) cut.out_channels = 1;
  if (problem.pass != Pass::forward || sums) cut.in_channels = 1;
  return cut;
}

Pieces cut_problem(const Problem& problem, const Cut& cut) { return Cutter(problem, cut).cut(); }

std::string to_string(const Cut& cut, const Problem& problem) {
  const Cut all = whole(problem);
  std::string text;
  const auto tell = [&](std::int64_t part, std::int64_t extent, const char* what) {
    if (part < extent) text += message(text.empty() ? "" : ", ", part, " of ", extent, ' ', what);
  };
  tell(cut.batch, all.batch, "images");
  tell(cut.groups, all.groups, "groups");
  tell(cut.out_channels, all.out_channels, "output channels");
  tell(cut.in_channels, all.in_channels, "input channels");
  tell(cut.rows, all.rows, "rows");
  return text;
}

}  // namespace faltung::streamed
