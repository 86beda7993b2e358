#include "cpp/cpu/fft/transform.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/strided.hpp"
#include "cpp/cpu/fft/instruction_sets.hpp"
#include "cpp/cpu/fft/unit_roots.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

constexpr std::int64_t alignment = 256;

std::int64_t aligned_bytes(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

template <typename T>
Transform<T>::Transform(const Shape& lengths, const InstructionSet& set)
    : lanes_(set.lanes<T>()),
      matrix_(block_matrix(lengths, is_real<T>, lanes_)),
      groups_((matrix_.rows + lanes_ - 1) / lanes_),
      spectrum_values_(2 * lanes_ * groups_ * matrix_.columns),
      is_cut_(lengths.size() == 1) {
  make_factors(lengths);
  const auto pointer = [](const std::vector<R>& v) { return v.empty() ? nullptr : v.data(); };
  const auto points = static_cast<R>(matrix_.rows * matrix_.columns);
  stages_ = make_stages<T>(set, matrix_,
                           {.rows = pointer(row_factors_),
                            .columns = pointer(column_factors_),
                            .matrix = pointer(matrix_factors_),
                            .scale = 1 / points});
}

template <typename T>
void Transform<T>::make_factors(const Shape& lengths) {
  const std::int64_t rows = matrix_.rows, columns = matrix_.columns;
  const auto push = [](std::vector<R>& factors, const std::complex<double>& value) {
    factors.push_back(static_cast<R>(value.real()));
    factors.push_back(static_cast<R>(value.imag()));
  };
  if (!is_cut_) {
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
  // exp(-2 pi i column row / points), and of real data what is left of exp(i pi j / 2 points).
  const UnitRoots root(4 * rows * columns);
  matrix_factors_.resize(static_cast<std::size_t>(spectrum_values_));
  for (std::int64_t row = 0; row < groups_ * lanes_; ++row) {
    const std::int64_t step = is_real<T> ? 1 - 4 * row : -4 * row;
    R* to = matrix_factors_.data() + row / lanes_ * 2 * lanes_ * columns + row % lanes_;
    for (std::int64_t column = 0; column < columns; ++column, to += 2 * lanes_) {
      const std::complex<double> value = root(column * step);
      to[0] = static_cast<R>(value.real());
      to[lanes_] = static_cast<R>(value.imag());
    }
  }
}

template <typename T>
std::int64_t Transform<T>::work_bytes(int slots) const {
  const auto size = static_cast<std::int64_t>(sizeof(R));
  return aligned_bytes(matrix_.rows * 2 * matrix_.pitch * size) +
         slots * aligned_bytes(stages_->scratch_values() * size);
}

template <typename T>
template <typename F>
void Transform<T>::for_pieces(std::int64_t pieces, const Work& work, F&& f) const {
  const auto size = static_cast<std::int64_t>(sizeof(R));
  std::byte* scratch = work.memory + aligned_bytes(matrix_.rows * 2 * matrix_.pitch * size);
  const std::int64_t stride = aligned_bytes(stages_->scratch_values() * size);
  // Enough turns that threads which start late or are slow find less to do.
  const std::int64_t turns = work.slots == 1 ? 1 : std::min<std::int64_t>(pieces, 8 * work.slots);
  parallel_for(turns, work.slots, [&](std::int64_t turn, int slot) {
    f(turn * pieces / turns, (turn + 1) * pieces / turns,
      reinterpret_cast<R*>(scratch + slot * stride));
  });
}

template <typename T>
std::int64_t Transform<T>::axis_pieces(int axis) const {
  return matrix_.rows / matrix_.column_lengths[axis] * ((matrix_.columns + lanes_ - 1) / lanes_);
}

template <typename T>
void Transform<T>::columns(const T* data, const Work& work) const {
  for_pieces(axis_pieces(0), work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
    stages_->first_axis(data, planes(work), begin, end, scratch);
  });
  for (int axis = 1; axis < matrix_.column_axes; ++axis) {
    for_pieces(axis_pieces(axis), work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
      stages_->middle_axis(axis, true, planes(work), begin, end, scratch);
    });
  }
}

template <typename T>
void Transform<T>::columns_back(T* data, const Work& work) const {
  for (int axis = matrix_.column_axes - 1; axis > 0; --axis) {
    for_pieces(axis_pieces(axis), work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
      stages_->middle_axis(axis, false, planes(work), begin, end, scratch);
    });
  }
  for_pieces(axis_pieces(0), work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
    stages_->first_axis_back(planes(work), data, begin, end, scratch);
  });
}

template <typename T>
void Transform<T>::forward(const T* data, R* spectrum, const Work& work) const {
  columns(data, work);
  for_pieces(groups_, work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
    stages_->rows(planes(work), spectrum, begin, end, scratch);
  });
}

template <typename T>
void Transform<T>::inverse(const R* spectrum, T* data, const Work& work) const {
  for_pieces(groups_, work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
    stages_->rows_back(spectrum, planes(work), begin, end, scratch);
  });
  columns_back(data, work);
}

template <typename T>
void Transform<T>::filter(const T* data, const R* filter, T* result, const Work& work) const {
  columns(data, work);
  for_pieces(groups_, work, [&](std::int64_t begin, std::int64_t end, R* scratch) {
    stages_->rows_filtered(filter, planes(work), begin, end, scratch);
  });
  columns_back(result, work);
}

template <typename T>
std::int64_t Transform<T>::place(const Extents& k) const {
  std::int64_t row = 0;
  std::int64_t column = k.back();
  if (is_cut_) {
    row = column % matrix_.rows;
    column /= matrix_.rows;
  }
  for (std::size_t a = 0; a + 1 < k.size(); ++a) row = row * matrix_.column_lengths[a] + k[a];
  return (row / lanes_ * matrix_.columns + column) * 2 * lanes_ + row % lanes_;
}

template class Transform<float>;
template class Transform<double>;
template class Transform<std::complex<float>>;
template class Transform<std::complex<double>>;

}  // namespace faltung::fft
