#include "cpp/cpu/fft/transform.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "cpp/core/strided.hpp"
#include "cpp/cpu/fft/instruction_sets.hpp"
#include "cpp/cpu/fft/unit_roots.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

constexpr std::int64_t alignment = 256;

template <typename R>
std::int64_t aligned_bytes(std::int64_t values) {
  const std::int64_t bytes = values * static_cast<std::int64_t>(sizeof(R));
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

template <typename T>
Transform<T>::Transform(const Shape& lengths, const InstructionSet& set)
    : lanes_(set.lanes(sizeof(R))),
      lengths_(lengths),
      matrix_(block_matrix(lengths, is_real<T>, lanes_)),
      groups_((matrix_.slab_rows() + lanes_ - 1) / lanes_),
      registers_((matrix_.columns + lanes_ - 1) / lanes_),
      slab_values_(2 * lanes_ * groups_ * matrix_.columns),
      row_line_(matrix_.columns) {
  BlockFactors<R> factors;
  column_lines_.reserve(static_cast<std::size_t>(matrix_.column_axes));
  for (int axis = 0; axis < matrix_.column_axes; ++axis) {
    column_lines_.emplace_back(matrix_.column_lengths[axis]);
    factors.column_plans[axis] = &column_lines_.back().plan();
  }
  make_factors(lengths);
  const auto pointer = [](const std::vector<R>& v) { return v.empty() ? nullptr : v.data(); };
  factors.row_plan = &row_line_.plan();
  factors.rows = pointer(row_factors_);
  factors.columns = pointer(column_factors_);
  factors.matrix = matrix_factors_.get();
  factors.scale = 1 / static_cast<R>(matrix_.rows * matrix_.columns);
  stages_ = make_stages<T>(set, matrix_, factors);
}

template <typename T>
void Transform<T>::make_factors(const Shape& lengths) {
  const std::int64_t rows = matrix_.rows, columns = matrix_.columns;
  const auto push = [](std::vector<R>& factors, const std::complex<double>& value) {
    factors.push_back(static_cast<R>(value.real()));
    factors.push_back(static_cast<R>(value.imag()));
  };
  if (lengths.size() > 1) {
    if constexpr (is_real<T>) {
      const UnitRoots root(2 * lengths.back());
      for (std::int64_t j = 0; j < columns; ++j) push(column_factors_, root(j));
    }
    return;
  }
  if constexpr (is_real<T>) {
    const UnitRoots root(4 * rows);
    for (std::int64_t row = 0; row < rows; ++row) push(row_factors_, root(row));
  }
  constexpr std::int64_t max_filled_early = std::int64_t{1} << 24;
  // Not touched yet. Without `nothrow` sanitizers end the process where memory runs out.
  matrix_factors_.reset(new (std::nothrow) R[static_cast<std::size_t>(slab_values_)]);
  if (matrix_factors_ == nullptr) throw std::bad_alloc();
  late_ = slab_values_ > max_filled_early;
  if (!late_) fill_matrix_factors();
}

template <typename T>
void Transform<T>::fill_matrix_factors() const {
  const std::int64_t rows = matrix_.rows, columns = matrix_.columns;
  // exp(-2 pi i column row / points), and of real data what is left of exp(i pi j / 2 points).
  const UnitRoots root(4 * rows * columns);
  const std::vector<std::int64_t> frequencies = column_lines_[0].frequencies();
  for (std::int64_t place = 0; place < groups_ * lanes_; ++place) {
    const std::int64_t row = frequencies[static_cast<std::size_t>(std::min(place, rows - 1))];
    const std::int64_t step = is_real<T> ? 1 - 4 * row : -4 * row;
    R* to = matrix_factors_.get() + place / lanes_ * 2 * lanes_ * columns + place % lanes_;
    for (std::int64_t column = 0; column < columns; ++column, to += 2 * lanes_) {
      const std::complex<double> value = root(column * step);
      to[0] = static_cast<R>(value.real());
      to[lanes_] = static_cast<R>(value.imag());
    }
  }
}

template <typename T>
void Transform<T>::ready() const {
  if (late_) std::call_once(filled_, [this] { fill_matrix_factors(); });
}

template <typename T>
Box Transform<T>::whole() const {
  return {Shape::filled(lengths_.size(), 0), lengths_};
}

template <typename T>
MatrixBox Transform<T>::matrix_box(const Box& box) const {
  MatrixBox result;
  if (lengths_.size() == 1) {
    result.end[0] = matrix_.rows;
    result.last = lengths_[0];
    return result;
  }
  for (int axis = 0; axis < matrix_.column_axes; ++axis) {
    result.begin[axis] = box.begin[static_cast<std::size_t>(axis)];
    result.end[axis] = box.end[static_cast<std::size_t>(axis)];
  }
  result.first = box.begin.back();
  result.last = box.end.back();
  return result;
}

template <typename T>
std::int64_t Transform<T>::work_bytes(int slots) const {
  const bool planes = matrix_.column_axes > 1;
  return (planes ? aligned_bytes<R>(matrix_.rows * 2 * matrix_.pitch) : 0) +
         (planes ? slots : 1) * aligned_bytes<R>(slab_values_) +
         slots * aligned_bytes<R>(stages_->scratch_values());
}

template <typename T>
typename Transform<T>::Memory Transform<T>::memory(const Work& work, int slot) const {
  const bool planes = matrix_.column_axes > 1;
  std::byte* groups =
      work.memory + (planes ? aligned_bytes<R>(matrix_.rows * 2 * matrix_.pitch) : 0);
  std::byte* scratch = groups + (planes ? work.slots : 1) * aligned_bytes<R>(slab_values_);
  return {reinterpret_cast<R*>(work.memory),
          reinterpret_cast<R*>(groups + (planes ? slot : 0) * aligned_bytes<R>(slab_values_)),
          reinterpret_cast<R*>(scratch + slot * aligned_bytes<R>(stages_->scratch_values()))};
}

template <typename T>
template <typename F>
void Transform<T>::for_pieces(std::int64_t pieces, const Work& work, F&& f) const {
  // Enough turns that threads which start late or are slow find less to do.
  const std::int64_t turns = work.slots == 1 ? 1 : std::min<std::int64_t>(pieces, 8 * work.slots);
  parallel_for(turns, work.slots, [&](std::int64_t turn, int slot) {
    f(turn * pieces / turns, (turn + 1) * pieces / turns, memory(work, slot));
  });
}

template <typename T>
void Transform<T>::slow_axes(const Block& block, const Work& work) const {
  for (int axis = 0; axis + 1 < matrix_.column_axes; ++axis) {
    for_pieces(matrix_.rows / matrix_.column_lengths[axis] * registers_, work,
               [&](std::int64_t begin, std::int64_t end, const Memory& m) {
                 stages_->slow_axis(axis, block, begin, end, m.scratch);
               });
  }
}

template <typename T>
void Transform<T>::slow_axes_back(const Block& block, const Work& work) const {
  for (int axis = matrix_.column_axes - 2; axis >= 0; --axis) {
    for_pieces(matrix_.rows / matrix_.column_lengths[axis] * registers_, work,
               [&](std::int64_t begin, std::int64_t end, const Memory& m) {
                 stages_->slow_axis_back(axis, block, begin, end, m.scratch);
               });
  }
}

// Columns of each slab, what rows(slab, groups, begin, end) does with its groups, and columns back.
// No data to come from, or to go to, leave that step out; then the slab stands in the spectrum.
template <typename T>
template <typename Rows>
void Transform<T>::slabs(const Block& from, const Block& to, R* spectrum, const Work& work,
                         Rows&& rows) const {
  const auto groups = [&](const Memory& m, std::int64_t slab) {
    return spectrum == nullptr ? m.groups : spectrum + slab * slab_values_;
  };
  const auto columns = [&](std::int64_t slab, std::int64_t begin, std::int64_t end,
                           const Memory& m) {
    stages_->columns(from, slab, groups(m, slab), begin, end, m.scratch);
  };
  const auto columns_back = [&](std::int64_t slab, std::int64_t begin, std::int64_t end,
                                const Memory& m) {
    stages_->columns_back(groups(m, slab), to, slab, begin, end, m.scratch);
  };
  const bool there = from.box != nullptr, back = to.box != nullptr;
  if (matrix_.column_axes > 1) {
    for_pieces(matrix_.slabs(), work, [&](std::int64_t begin, std::int64_t end, const Memory& m) {
      for (std::int64_t slab = begin; slab < end; ++slab) {
        if (there) columns(slab, 0, registers_, m);
        rows(slab, groups(m, slab), 0, groups_);
        if (back) columns_back(slab, 0, registers_, m);
      }
    });
    return;
  }
  if (there) {
    for_pieces(registers_, work, [&](std::int64_t begin, std::int64_t end, const Memory& m) {
      columns(0, begin, end, m);
    });
  }
  for_pieces(groups_, work, [&](std::int64_t begin, std::int64_t end, const Memory& m) {
    rows(0, groups(m, 0), begin, end);
  });
  if (back) {
    for_pieces(registers_, work, [&](std::int64_t begin, std::int64_t end, const Memory& m) {
      columns_back(0, begin, end, m);
    });
  }
}

template <typename T>
void Transform<T>::forward(const T* data, const Box& given, R* spectrum, const Work& work) const {
  ready();
  const MatrixBox box = matrix_box(given);
  const Block block{const_cast<T*>(data), memory(work, 0).planes, &box};
  slow_axes(block, work);
  slabs(block, {}, spectrum, work,
        [&](std::int64_t, R* groups, std::int64_t begin, std::int64_t end) {
          stages_->rows(groups, begin, end);
        });
}

template <typename T>
void Transform<T>::inverse(R* spectrum, T* data, const Box& wanted, const Work& work) const {
  ready();
  const MatrixBox box = matrix_box(wanted);
  const Block block{data, memory(work, 0).planes, &box};
  slabs({}, block, spectrum, work,
        [&](std::int64_t, R* groups, std::int64_t begin, std::int64_t end) {
          stages_->rows_back(groups, begin, end);
        });
  slow_axes_back(block, work);
}

template <typename T>
void Transform<T>::filter(const T* data, const Box& given, const R* filter, T* result,
                          const Box& wanted, const Work& work) const {
  ready();
  const MatrixBox given_box = matrix_box(given), wanted_box = matrix_box(wanted);
  R* planes = memory(work, 0).planes;
  const Block from{const_cast<T*>(data), planes, &given_box}, to{result, planes, &wanted_box};
  slow_axes(from, work);
  slabs(from, to, nullptr, work,
        [&](std::int64_t slab, R* groups, std::int64_t begin, std::int64_t end) {
          stages_->rows_filtered(filter + slab * slab_values_, groups, begin, end);
        });
  slow_axes_back(to, work);
}

template <typename T>
std::vector<std::vector<std::int64_t>> Transform<T>::axis_places() const {
  std::vector<std::vector<std::int64_t>> axes;  // of the matrix
  const auto add = [&](const Line<R>& line, auto&& part) {
    const std::vector<std::int64_t> frequencies = line.frequencies();
    std::vector<std::int64_t>& parts = axes.emplace_back(frequencies.size());
    for (std::size_t place = 0; place < frequencies.size(); ++place) {
      parts[static_cast<std::size_t>(frequencies[place])] = part(static_cast<std::int64_t>(place));
    }
  };
  std::int64_t step = matrix_.slabs() * slab_values_;
  for (int axis = 0; axis + 1 < matrix_.column_axes; ++axis) {
    step /= matrix_.column_lengths[axis];
    add(column_lines_[static_cast<std::size_t>(axis)],
        [&](std::int64_t place) { return place * step; });
  }
  add(column_lines_.back(),
      [&](std::int64_t row) { return row / lanes_ * matrix_.columns * 2 * lanes_ + row % lanes_; });
  add(row_line_, [&](std::int64_t column) { return column * 2 * lanes_; });
  if (lengths_.size() > 1) return axes;
  std::vector<std::int64_t> places;
  for (std::int64_t k = 0; k < matrix_.rows * matrix_.columns; ++k) {
    places.push_back(axes[0][static_cast<std::size_t>(k % matrix_.rows)] +
                     axes[1][static_cast<std::size_t>(k / matrix_.rows)]);
  }
  return {std::move(places)};
}

template <typename T>
std::vector<std::int64_t> Transform<T>::places() const {
  const std::vector<std::vector<std::int64_t>> parts = axis_places();
  Shape numbers = lengths_;
  if (is_real<T>) numbers[numbers.size() - 1] /= 2;
  std::vector<std::int64_t> result;
  for_each_index(numbers, [&](std::int64_t, const Extents& k) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < k.size(); ++axis) {
      place += parts[axis][static_cast<std::size_t>(k[axis])];
    }
    result.push_back(place);
  });
  return result;
}

template class Transform<float>;
template class Transform<double>;
template class Transform<std::complex<float>>;
template class Transform<std::complex<double>>;

}  // namespace faltung::fft
