#pragma once

#include <algorithm>
#include <cstring>

#include "cpp/cpu/fft/line_passes.hpp"
#include "cpp/cpu/fft/magnitudes.hpp"
#include "cpp/cpu/fft/row_factors.hpp"
#include "cpp/cpu/fft/transform_stages.hpp"

namespace faltung::fft::FALTUNG_FFT_SET {

/// TransformStages for the instruction set of the including file.
template <typename T>
class Stages final : public TransformStages<T> {
 public:
  using R = Real<T>;
  using Block = typename TransformStages<T>::Block;
  static constexpr std::int64_t n = lanes<R>;

  Stages(const BlockMatrix& matrix, const BlockFactors<R>& factors) : m_(matrix), f_(factors) {}

  std::int64_t scratch_values() const override {
    std::int64_t length = 1;
    for (int a = 0; a < m_.column_axes; ++a) length = std::max(length, m_.column_lengths[a]);
    return 2 * n * (length + 1);  // and a place for what is lost
  }

  void slow_axis(int axis, const Block& block, std::int64_t begin, std::int64_t end,
                 R* scratch) const override {
    for_each_line(axis, *block.box, begin, end, [&](const Line& line) {
      column_forward(axis, block, line, scratch);
      for (std::int64_t i = 0; i < m_.column_lengths[axis]; ++i) {
        store_pair(at(scratch, i), plane(block.planes, line, i));
      }
    });
  }

  void slow_axis_back(int axis, const Block& block, std::int64_t begin, std::int64_t end,
                      R* scratch) const override {
    for_each_line(axis, *block.box, begin, end, [&](const Line& line) {
      load_line(block.planes, line, 0, m_.column_lengths[axis], scratch);
      column_inverse(axis, block, line, scratch);
    });
  }

  void columns(const Block& block, std::int64_t slab, R* groups, std::int64_t begin,
               std::int64_t end, R* scratch) const override {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const Line line{slab * m_.slab_rows(), piece * n, 1};
      if (meets(*block.box, line.column)) {
        column_forward(m_.column_axes - 1, block, line, scratch);
        to_groups(scratch, line.column, groups);
      } else {
        clear_groups(line.column, groups);
      }
    }
  }

  void columns_back(const R* groups, const Block& block, std::int64_t slab, std::int64_t begin,
                    std::int64_t end, R* scratch) const override {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const Line line{slab * m_.slab_rows(), piece * n, 1};
      if (!meets(*block.box, line.column)) continue;
      from_groups(groups, line.column, scratch);
      column_inverse(m_.column_axes - 1, block, line, scratch);
    }
  }

  void rows(R* groups, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      R* line = groups + group * group_values();
      with_factors(group, [&](const auto& factors) {
        run_forward(*f_.row_plan, line, Before{line, factors}, InPlace<R>{line});
      });
    }
  }

  void rows_back(R* groups, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      R* line = groups + group * group_values();
      with_factors(group, [&](const auto& factors) {
        run_inverse(*f_.row_plan, line, InPlace<R>{line}, After{line, factors});
      });
    }
  }

  void rows_filtered(const R* filter, R* groups, std::int64_t begin,
                     std::int64_t end) const override {
    for (std::int64_t group = begin; group < end; ++group) {
      R* line = groups + group * group_values();
      const R* other = filter + group * group_values();
      with_factors(group, [&](const auto& factors) {
        run_filtered(*f_.row_plan, line, Before{line, factors}, Filtered<R>{other},
                     After{line, factors});
      });
    }
  }

  void products(R* sums, const R* a, const R* b, bool conjugate, bool add, std::int64_t begin,
                std::int64_t end) const override {
    for (std::int64_t i = begin; i < end; i += 2 * n) {
      const Pair<R> second = load_pair(b + i);
      Pair<R> sum = times(load_pair(a + i), second.re, conjugate ? -second.im : second.im);
      if (add) sum = load_pair(sums + i) + sum;
      store_pair(sum, sums + i);
    }
  }

  double squares(const R* values, std::int64_t count) const override {
    return sum_of_squares(values, count);
  }

  bool leaves(const R* values, std::int64_t count, R least, R most) const override {
    return leaves_range(values, count, least, most);
  }

 private:
  /// A register of columns along a column axis.
  struct Line {
    std::int64_t row;     ///< of its first value
    std::int64_t column;  ///< of its first lane
    std::int64_t step;    ///< rows from one value to the next
  };

  FALTUNG_INLINE static Pair<R> at(const R* line, std::int64_t i) {
    return load_pair(line + 2 * n * i);
  }

  // Whether a register of columns holds something of the box.
  [[nodiscard]] bool meets(const MatrixBox& box, std::int64_t column) const {
    const auto hits = [&](std::int64_t first) { return first < box.last && first + n > box.first; };
    return hits(column) || (is_real<T> && hits(column + m_.columns));
  }

  /// Calls f for each line that meets the box: beyond it along the faster axes, on which the data
  /// are not yet, or no longer, transformed, nothing is asked for.
  template <typename F>
  void for_each_line(int axis, const MatrixBox& box, std::int64_t begin, std::int64_t end,
                     F&& f) const {
    std::int64_t inner = 1;
    for (int a = axis + 1; a < m_.column_axes; ++a) inner *= m_.column_lengths[a];
    const std::int64_t registers = (m_.columns + n - 1) / n;
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t line = piece / registers;
      bool inside = meets(box, piece % registers * n);
      std::int64_t rest = line % inner;
      for (int a = m_.column_axes - 1; a > axis; --a) {
        const std::int64_t i = rest % m_.column_lengths[a];
        inside = inside && i >= box.begin[a] && i < box.end[a];
        rest /= m_.column_lengths[a];
      }
      if (!inside) continue;
      const std::int64_t row = line / inner * inner * m_.column_lengths[axis] + line % inner;
      f(Line{row, piece % registers * n, inner});
    }
  }

  FALTUNG_INLINE R* plane(R* planes, const Line& line, std::int64_t i) const {
    return planes + 2 * ((line.row + i * line.step) * m_.pitch + line.column);
  }

  // Values of a line from the planes, those before `begin` and from `end` on 0. Strides are long,
  // so what the next line gets, one register on, is asked for ahead.
  void load_line(R* planes, const Line& line, std::int64_t begin, std::int64_t end,
                 R* scratch) const {
    for (std::int64_t i = begin; i < end; ++i) {
      const R* from = plane(planes, line, i);
      __builtin_prefetch(from + 2 * n);
      store_pair(load_pair(from), scratch + 2 * n * i);
    }
  }

  // A line's transform along an axis, from the data or the planes to `scratch`; and back.
  void column_forward(int axis, const Block& block, const Line& line, R* scratch) const {
    const LinePlan<R>& plan = *f_.column_plans[axis];
    const InPlace<R> put{scratch};
    if (axis == 0 && line.column + n <= m_.columns) {
      if constexpr (is_real<T>) {
        if (f_.rows != nullptr) {
          return run_forward(plan, scratch, from_data<true>(block, line), put);
        }
      }
      return run_forward(plan, scratch, from_data<false>(block, line), put);
    }
    if (axis == 0) {
      load_narrow(block, line, scratch);
    } else {
      const std::int64_t begin = block.box->begin[axis], end = block.box->end[axis];
      std::memset(scratch, 0, 2 * n * begin * sizeof(R));
      load_line(block.planes, line, begin, end, scratch);
      std::memset(scratch + 2 * n * end, 0, 2 * n * (plan.length - end) * sizeof(R));
    }
    run_forward(plan, scratch, put, put);
  }

  void column_inverse(int axis, const Block& block, const Line& line, R* scratch) const {
    const LinePlan<R>& plan = *f_.column_plans[axis];
    const InPlace<R> get{scratch};
    if (axis == 0 && line.column + n <= m_.columns) {
      if constexpr (is_real<T>) {
        if (f_.rows != nullptr) {
          return run_inverse(plan, scratch, get, to_data<true>(block, line, lost(scratch)));
        }
      }
      return run_inverse(plan, scratch, get, to_data<false>(block, line, lost(scratch)));
    }
    run_inverse(plan, scratch, get, get);
    if (axis == 0) return store_narrow(block, line, scratch);
    for (std::int64_t i = block.box->begin[axis]; i < block.box->end[axis]; ++i) {
      store_pair(at(scratch, i), plane(block.planes, line, i));
    }
  }

  // What the passes get and put: outside the box zeros come, and what goes there is lost.
  template <bool factors>
  auto from_data(const Block& block, const Line& line) const {
    return [this, &line, data = reinterpret_cast<const R*>(block.data + line.column),
            begin = block.box->begin[0], end = block.box->end[0]](std::int64_t i)
               FALTUNG_INLINE_LAMBDA {
                 const bool inside = i >= begin && i < end;
                 const R* from = inside ? data + data_offset(line.row + i * line.step) : zeros();
                 const std::int64_t step = is_real<T> && inside ? m_.imaginary_step : n;
                 __builtin_prefetch(from + (is_real<T> ? n : 2 * n));
                 if (is_real<T>) __builtin_prefetch(from + step + n);
                 Pair<R> value{load(from), load(from + step)};
                 if constexpr (!is_real<T>) value = split<R>(value.re, value.im);
                 if constexpr (factors) value = times(value, f_.rows[2 * i], f_.rows[2 * i + 1]);
                 return value;
               };
  }
  template <bool factors>
  auto to_data(const Block& block, const Line& line, R* lost) const {
    return [this, &line, lost, data = reinterpret_cast<R*>(block.data + line.column),
            begin = block.box->begin[0], end = block.box->end[0]](std::int64_t i, Pair<R> value)
               FALTUNG_INLINE_LAMBDA {
                 const bool inside = i >= begin && i < end;
                 R* to = inside ? data + data_offset(line.row + i * line.step) : lost;
                 if constexpr (factors)
                   value = times_conjugate(value, f_.rows[2 * i], f_.rows[2 * i + 1]);
                 if constexpr (is_real<T>) {
                   store<R>(value.re, to);
                   store<R>(value.im, to + (inside ? m_.imaginary_step : n));
                 } else {
                   join<R>(value, to);
                 }
               };
  }
  [[nodiscard]] std::int64_t data_offset(std::int64_t row) const {
    return row * m_.row_step * static_cast<std::int64_t>(sizeof(T) / sizeof(R));
  }
  static const R* zeros() {
    alignas(64) static constexpr R values[2 * n] = {};
    return values;
  }

  R* lost(R* scratch) const { return scratch + scratch_values() - 2 * n; }

  // The last register of columns may be wider than the block; its line is moved by itself.
  void load_narrow(const Block& block, const Line& line, R* scratch) const {
    const std::size_t used = static_cast<std::size_t>(m_.columns - line.column);
    for (std::int64_t i = 0; i < m_.column_lengths[0]; ++i) {
      R values[2 * n] = {};
      if (i >= block.box->begin[0] && i < block.box->end[0]) {
        const T* from = block.data + (line.row + i * line.step) * m_.row_step + line.column;
        std::memcpy(values, from, used * sizeof(T));
        if (is_real<T>) std::memcpy(values + n, from + m_.imaginary_step, used * sizeof(T));
      }
      Pair<R> value = load_pair(values);
      if constexpr (!is_real<T>) value = split<R>(value.re, value.im);
      if (f_.rows != nullptr) value = times(value, f_.rows[2 * i], f_.rows[2 * i + 1]);
      store_pair(value, scratch + 2 * n * i);
    }
  }
  void store_narrow(const Block& block, const Line& line, const R* scratch) const {
    const std::size_t used = static_cast<std::size_t>(m_.columns - line.column);
    for (std::int64_t i = block.box->begin[0]; i < block.box->end[0]; ++i) {
      Pair<R> value = at(scratch, i);
      if (f_.rows != nullptr) value = times_conjugate(value, f_.rows[2 * i], f_.rows[2 * i + 1]);
      T* to = block.data + (line.row + i * line.step) * m_.row_step + line.column;
      R values[2 * n];
      if constexpr (is_real<T>) {
        store_pair(value, values);
        std::memcpy(to + m_.imaginary_step, values + n, used * sizeof(T));
      } else {
        join<R>(value, values);
      }
      std::memcpy(to, values, used * sizeof(T));
    }
  }

  [[nodiscard]] std::int64_t group_values() const { return 2 * n * m_.columns; }
  [[nodiscard]] std::int64_t groups() const { return (m_.slab_rows() + n - 1) / n; }

  // Rows of a line to lanes of groups. Past the last row the last one is repeated.
  void to_groups(const R* line, std::int64_t column, R* groups_of_slab) const {
    const std::int64_t used = std::min(n, m_.columns - column);
    for (std::int64_t group = 0; group < groups(); ++group) {
      R* to = groups_of_slab + group * group_values() + 2 * n * column;
      for (const std::int64_t part : {std::int64_t{0}, n}) {
        Register<R> values[n];
        unrolled<n>([&](auto l) FALTUNG_INLINE_LAMBDA {
          values[l] = load(line + 2 * n * std::min(group * n + l, m_.slab_rows() - 1) + part);
        });
        transpose<R>(values);
        if (used == n) {
          unrolled<n>([&](auto l)
                          FALTUNG_INLINE_LAMBDA { store<R>(values[l], to + 2 * n * l + part); });
        } else {
          R all[n * n];
          unrolled<n>([&](auto l) FALTUNG_INLINE_LAMBDA { store<R>(values[l], all + n * l); });
          for (std::int64_t l = 0; l < used; ++l)
            store<R>(load(all + n * l), to + 2 * n * l + part);
        }
      }
    }
  }

  // And back. The last group's values past a block's columns, and its rows past the last, have a
  // place but no meaning.
  void from_groups(const R* groups_of_slab, std::int64_t column, R* line) const {
    const std::int64_t used = std::min(n, m_.columns - column);
    for (std::int64_t group = 0; group < groups(); ++group) {
      const R* from = groups_of_slab + group * group_values() + 2 * n * column;
      for (const std::int64_t part : {std::int64_t{0}, n}) {
        Register<R> values[n];
        unrolled<n>([&](auto l) FALTUNG_INLINE_LAMBDA {
          values[l] = load(from + 2 * n * std::min<std::int64_t>(l, used - 1) + part);
        });
        transpose<R>(values);
        const std::int64_t rows = m_.slab_rows() - group * n;
        unrolled<n>([&](auto l) FALTUNG_INLINE_LAMBDA {
          if (l < rows) store<R>(values[l], line + 2 * n * (group * n + l) + part);
        });
      }
    }
  }

  void clear_groups(std::int64_t column, R* groups_of_slab) const {
    const std::int64_t used = std::min(n, m_.columns - column);
    for (std::int64_t group = 0; group < groups(); ++group) {
      R* to = groups_of_slab + group * group_values() + 2 * n * column;
      std::memset(to, 0, 2 * n * used * sizeof(R));
    }
  }

  template <typename F>
  void with_factors(std::int64_t group, F&& f) const {
    if (f_.matrix != nullptr) {
      f(MatrixFactors<R>{f_.matrix + group * group_values(), f_.scale});
    } else {
      f(ColumnFactors<T>{f_.columns, f_.scale});
    }
  }

  BlockMatrix m_;
  BlockFactors<R> f_;
};

}  // namespace faltung::fft::FALTUNG_FFT_SET
