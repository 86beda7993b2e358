#pragma once

#include <array>
#include <cstdint>

#include <faltung/problem.hpp>
#include "cpp/cpu/fft/value_class.hpp"

namespace faltung::fft {

/// The places that an operand has along an axis of a block.
struct Places {
  std::int64_t first = 0, step = 1, count = 0;
};

/// The classes of the sums of one block, by the definition. An output, a tap and a position of x
/// belong together where
///
///     place(y) = place(x) + place(w)
///
/// on every axis, without wrapping around, and each of the three is a sum over the other two:
///
///     forward  y |= x w        backward_data  x |= y w        backward_filter  w |= x y
///
/// with the class of a product for each. Arrays are those of the block, a byte for each point.
class ClassSums {
 public:
  enum Operand : std::uint8_t { x, w, y };
  using Grid = std::array<Places, 6>;  ///< one for each axis of the block
  struct Arrays {
    std::array<std::uint8_t*, 3> of;      ///< codes of the factors, classes of the result
    const std::uint8_t* reach = nullptr;  ///< of y or x: what data bring, whatever the taps
  };

  /// @param lengths    of the block
  /// @param undefined  undefined_sum of the type
  ClassSums(const Shape& lengths, const std::array<Grid, 3>& grids, SumClass undefined);

  /// Adds what is not finite in a factor to `reach`: 1 and 2 an infinity by its sign, 4 NaN. Of
  /// several factors that belong to the same taps, all in one place.
  void note(const Code* codes, std::uint8_t* reach) const;
  /// Makes of what stands at each place of `data`, x or y, what reaches each place of the other
  /// through any tap.
  void spread(Operand data, std::uint8_t* reach) const;
  /// Begins the classes of `result`, y or x, with what is known from there alone: sums that NaN
  /// reaches are undefined.
  void begin(Operand result, const Arrays& arrays) const;
  /// Adds what infinities make of sums with finite taps of one sign, 1 or -1.
  void add_one_sign(Operand result, int sign, const Arrays& arrays) const;
  /// Whether infinities reach sums that may still change.
  [[nodiscard]] bool is_open(Operand result, const Arrays& arrays) const;
  /// 1 or -1 if all taps are finite numbers of that sign, else 0.
  [[nodiscard]] int sign_of_taps(const Arrays& arrays) const;

  /// Adds the products' classes to those in `result`. Takes no longer than all products, and with
  /// few numbers that are not finite hardly any time. Sums of y and x that nothing reaches, or that
  /// are undefined, are left out.
  void add(Operand result, const Arrays& arrays) const;

  /// Calls f(offset) for every place of an operand.
  template <typename F>
  void for_each_place(Operand operand, F&& f) const;

 private:
  /// Places of two operands that belong to one of the third, along an axis: offsets of the first,
  /// and steps.
  struct Run {
    std::int64_t count = 0, free = 0, free_step = 0, partner = 0, partner_step = 0;
  };
  /// The places that belong together with those of one place: those of the free operand, and their
  /// partners.
  struct Pairs {
    Operand fixed, free, partner;
  };
  [[nodiscard]] static Pairs pairs_of(Operand fixed);
  [[nodiscard]] Run run(const Pairs& pairs, std::size_t axis, std::int64_t place) const;
  template <typename F>
  void for_each_pair(const Pairs& pairs, std::int64_t offset, F&& f) const;

  [[nodiscard]] std::int64_t count(Operand operand) const;
  template <typename Wanted>
  [[nodiscard]] std::int64_t count_of(Operand operand, Wanted&& wanted, const Arrays& arrays) const;
  template <typename Wanted>
  void scatter(Operand factor, Wanted&& wanted, Operand result, const Arrays& arrays) const;
  void gather(Operand result, std::int64_t offset, const Arrays& arrays) const;
  void gather_all(Operand result, const Arrays& arrays) const;

  std::size_t rank_;
  std::array<std::int64_t, 6> lengths_{}, strides_{};
  std::int64_t points_ = 1;
  std::array<Grid, 3> grids_;
  SumClass undefined_;
};

template <typename F>
void ClassSums::for_each_place(Operand operand, F&& f) const {
  const Grid& grid = grids_[operand];
  if (count(operand) == 0) return;  // outputs may see nothing of x
  const Places& last = grid[rank_ - 1];
  std::array<std::int64_t, 6> index{};
  while (true) {
    std::int64_t row = last.first;
    for (std::size_t a = 0; a + 1 < rank_; ++a) {
      row += (grid[a].first + index[a] * grid[a].step) * strides_[a];
    }
    for (std::int64_t i = 0; i < last.count; ++i) f(row + i * last.step);
    std::size_t a = rank_ - 1;
    while (a > 0 && ++index[a - 1] == grid[a - 1].count) index[--a] = 0;
    if (a == 0) return;
  }
}

}  // namespace faltung::fft
