#pragma once

#include <algorithm>
#include <memory>

#include "cpp/cpu/fft/registers.hpp"
#include "cpp/cpu/fft/transform_stages.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

/// TransformStages for the instruction set of the including file.
template <typename T>
class Stages final : public TransformStages<T> {
 public:
  using R = Real<T>;
  static constexpr std::int64_t n = lanes<R>;

  Stages(const BlockMatrix& matrix, const BlockFactors<R>& factors)
      : m_(matrix), factors_(factors), row_plan_(matrix.columns) {
    std::int64_t length = m_.pitch;
    std::int64_t buffer = row_plan_.scratch_values();
    for (int axis = 0; axis < m_.column_axes; ++axis) {
      column_plans_[axis] = std::make_unique<LineTransform<R>>(m_.column_lengths[axis]);
      length = std::max(length, m_.column_lengths[axis]);
      buffer = std::max(buffer, column_plans_[axis]->scratch_values());
    }
    line_values_ = 2 * n * length;
    scratch_values_ = line_values_ + buffer;
  }

  std::int64_t lane_count() const override { return n; }
  std::int64_t scratch_values() const override { return scratch_values_; }

  void first_axis(const T* data, R* planes, std::int64_t begin, std::int64_t end,
                  R* scratch) const override {
    for_each_line(0, begin, end, [&](std::int64_t row, std::int64_t column, std::int64_t step) {
      R* line = scratch;
      for (std::int64_t i = 0; i < m_.column_lengths[0]; ++i) {
        Pair<R> value = load_data(data, row + i * step, column);
        if (factors_.rows != nullptr)
          value = times(value, factors_.rows[2 * i], factors_.rows[2 * i + 1]);
        store_pair(value, line + 2 * n * i);
      }
      run_to_planes(0, true, planes, row, column, step, scratch);
    });
  }

  void middle_axis(int axis, bool forward, R* planes, std::int64_t begin, std::int64_t end,
                   R* scratch) const override {
    for_each_line(axis, begin, end, [&](std::int64_t row, std::int64_t column, std::int64_t step) {
      load_line(axis, planes, row, column, step, scratch);
      run_to_planes(axis, forward, planes, row, column, step, scratch);
    });
  }

  void first_axis_back(const R* planes, T* data, std::int64_t begin, std::int64_t end,
                       R* scratch) const override {
    for_each_line(0, begin, end, [&](std::int64_t row, std::int64_t column, std::int64_t step) {
      load_line(0, planes, row, column, step, scratch);
      const R* line = column_plans_[0]->run(scratch, scratch + line_values_, false);
      for (std::int64_t i = 0; i < m_.column_lengths[0]; ++i) {
        Pair<R> value = load_pair(line + 2 * n * i);
        if (factors_.rows != nullptr)
          value = times(value, factors_.rows[2 * i], -factors_.rows[2 * i + 1]);
        store_data(value, data, row + i * step, column);
      }
    });
  }

  void rows(const R* planes, R* spectrum, std::int64_t begin, std::int64_t end,
            R* scratch) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      load_group(planes, group, scratch);
      const R* result = row_plan_.run(scratch, scratch + line_values_, true);
      std::memcpy(spectrum + group * group_values(), result, sizeof(R) * group_values());
    }
  }

  void rows_back(const R* spectrum, R* planes, std::int64_t begin, std::int64_t end,
                 R* scratch) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      std::memcpy(scratch, spectrum + group * group_values(), sizeof(R) * group_values());
      back_to_planes(group, planes, scratch);
    }
  }

  void rows_filtered(const R* filter, R* planes, std::int64_t begin, std::int64_t end,
                     R* scratch) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      load_group(planes, group, scratch);
      const R* result = row_plan_.run(scratch, scratch + line_values_, true);
      const R* other = filter + group * group_values();
      for (std::int64_t i = 0; i < group_values(); i += 2 * n) {
        const Pair<R> b = load_pair(other + i);
        store_pair(times(load_pair(result + i), b.re, b.im), scratch + i);
      }
      back_to_planes(group, planes, scratch);
    }
  }

  void products(R* sums, const R* a, const R* b, bool conjugate, bool add, std::int64_t begin,
                std::int64_t end) const override {
    for (std::int64_t i = begin * group_values(); i < end * group_values(); i += 2 * n) {
      const Pair<R> second = load_pair(b + i);
      Pair<R> sum = times(load_pair(a + i), second.re, conjugate ? -second.im : second.im);
      if (add) {
        const Pair<R> before = load_pair(sums + i);
        sum = {before.re + sum.re, before.im + sum.im};
      }
      store_pair(sum, sums + i);
    }
  }

 private:
  /// Calls f(row, column, step): a line's first row, the first of its register of columns, and rows
  /// from one value to the next.
  template <typename F>
  void for_each_line(int axis, std::int64_t begin, std::int64_t end, F&& f) const {
    std::int64_t inner = 1;
    for (int a = axis + 1; a < m_.column_axes; ++a) inner *= m_.column_lengths[a];
    const std::int64_t registers = (m_.columns + n - 1) / n;
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t line = piece / registers;
      const std::int64_t row = line / inner * inner * m_.column_lengths[axis] + line % inner;
      f(row, piece % registers * n, inner);
    }
  }

  void load_line(int axis, const R* planes, std::int64_t row, std::int64_t column,
                 std::int64_t step, R* line) const {
    for (std::int64_t i = 0; i < m_.column_lengths[axis]; ++i) {
      const R* from = planes + (row + i * step) * 2 * m_.pitch + column;
      store_pair<R>({load(from), load(from + m_.pitch)}, line + 2 * n * i);
    }
  }

  void run_to_planes(int axis, bool forward, R* planes, std::int64_t row, std::int64_t column,
                     std::int64_t step, R* scratch) const {
    const R* result = column_plans_[axis]->run(scratch, scratch + line_values_, forward);
    for (std::int64_t i = 0; i < m_.column_lengths[axis]; ++i) {
      R* to = planes + (row + i * step) * 2 * m_.pitch + column;
      const Pair<R> value = load_pair(result + 2 * n * i);
      store<R>(value.re, to);
      store<R>(value.im, to + m_.pitch);
    }
  }

  Pair<R> load_data(const T* data, std::int64_t row, std::int64_t column) const {
    const R* from = reinterpret_cast<const R*>(data + row * m_.row_step + column);
    const std::int64_t used = m_.columns - column;
    if constexpr (is_real<T>) {
      if (used >= n) return {load(from), load(from + m_.imaginary_step)};
      Pair<R> value{};
      std::memcpy(&value.re, from, used * sizeof(R));
      std::memcpy(&value.im, from + m_.imaginary_step, used * sizeof(R));
      return value;
    } else {
      if (used >= n) return split<R>(load(from), load(from + n));
      R values[2 * n] = {};
      std::memcpy(values, from, used * sizeof(T));
      return split<R>(load(values), load(values + n));
    }
  }

  void store_data(const Pair<R>& value, T* data, std::int64_t row, std::int64_t column) const {
    R* to = reinterpret_cast<R*>(data + row * m_.row_step + column);
    const std::int64_t used = m_.columns - column;
    if constexpr (is_real<T>) {
      const std::size_t bytes = static_cast<std::size_t>(std::min(used, n)) * sizeof(R);
      if (used >= n) {
        store<R>(value.re, to);
        store<R>(value.im, to + m_.imaginary_step);
      } else {
        std::memcpy(to, &value.re, bytes);
        std::memcpy(to + m_.imaginary_step, &value.im, bytes);
      }
    } else {
      if (used >= n) {
        join<R>(value, to);
      } else {
        R values[2 * n];
        join<R>(value, values);
        std::memcpy(to, values, used * sizeof(T));
      }
    }
  }

  [[nodiscard]] std::int64_t group_values() const { return 2 * n * m_.columns; }

  [[nodiscard]] Pair<R> factor(std::int64_t group, std::int64_t column) const {
    return load_pair(factors_.matrix + group * group_values() + 2 * n * column);
  }

  // A group's rows to lanes, times the factors. Past the last row the last one is repeated.
  void load_group(const R* planes, std::int64_t group, R* line) const {
    for (std::int64_t column = 0; column < m_.columns; column += n) {
      Register<R> re[n], im[n];
      for (std::int64_t l = 0; l < n; ++l) {
        const std::int64_t row = std::min(group * n + l, m_.rows - 1);
        re[l] = load(planes + row * 2 * m_.pitch + column);
        im[l] = load(planes + (row * 2 + 1) * m_.pitch + column);
      }
      transpose<R>(re);
      transpose<R>(im);
      for (std::int64_t l = 0; l < std::min(n, m_.columns - column); ++l) {
        Pair<R> value{re[l], im[l]};
        if (factors_.matrix != nullptr) {
          const Pair<R> w = factor(group, column + l);
          value = times(value, w.re, w.im);
        } else if (factors_.columns != nullptr) {
          const R* w = factors_.columns + 2 * (column + l);
          value = times(value, w[0], w[1]);
        }
        store_pair(value, line + 2 * n * (column + l));
      }
    }
  }

  void back_to_planes(std::int64_t group, R* planes, R* scratch) const {
    const R* line = row_plan_.run(scratch, scratch + line_values_, false);
    for (std::int64_t column = 0; column < m_.columns; column += n) {
      Register<R> re[n] = {}, im[n] = {};
      for (std::int64_t l = 0; l < std::min(n, m_.columns - column); ++l) {
        Pair<R> value = load_pair(line + 2 * n * (column + l));
        if (factors_.matrix != nullptr) {
          const Pair<R> w = factor(group, column + l);
          value = times(value, w.re, -w.im);
        } else if (factors_.columns != nullptr) {
          const R* w = factors_.columns + 2 * (column + l);
          value = times(value, w[0], -w[1]);
        }
        re[l] = value.re * factors_.scale;
        im[l] = value.im * factors_.scale;
      }
      transpose<R>(re);
      transpose<R>(im);
      for (std::int64_t l = 0; l < std::min(n, m_.rows - group * n); ++l) {
        R* to = planes + (group * n + l) * 2 * m_.pitch + column;
        store<R>(re[l], to);
        store<R>(im[l], to + m_.pitch);
      }
    }
  }

  BlockMatrix m_;
  BlockFactors<R> factors_;
  LineTransform<R> row_plan_;
  std::unique_ptr<LineTransform<R>> column_plans_[BlockMatrix::max_axes];
  std::int64_t line_values_ = 0;
  std::int64_t scratch_values_ = 0;
};

}  // namespace faltung::fft::FALTUNG_FFT_SET
