#include "cpp/cpu/gemm/product.hpp"

#include <algorithm>

#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::gemm {

template <typename Acc>
Product<Acc>::Product(std::int64_t columns, bool conjugate)
    : kernel_(channel_kernel<Real>()), conjugate_(conjugate) {
  for (std::int64_t v = 0; v < ceil_divide(columns, kernel_.lanes); ++v) {
    vectors_.push_back(v * kernel_.lanes);
  }
}

// An odd number of vectors: rows that lie a power of two apart would share few places in the
// caches. The kernel wants the sums without gaps.
template <typename Acc>
auto Product<Acc>::right(Real* memory, std::int64_t depth, std::int64_t columns) const
    -> Planes<Real> {
  const std::int64_t leading = (ceil_divide(columns, kernel_.lanes) | 1) * kernel_.lanes;
  return {memory, leading, count_of({depth, leading})};
}

template <typename Acc>
auto Product<Acc>::sums(Real* memory, std::int64_t rows, std::int64_t columns) const
    -> Planes<Real> {
  const std::int64_t leading = padded(columns);
  const std::int64_t tiles = ceil_divide(rows, kernel_.channels);
  return {memory, leading, count_of({tiles, kernel_.channels, leading})};
}

// Of complex numbers the third plane is the negative of what the product subtracts.
template <typename Acc>
std::int64_t Product<Acc>::right_size(std::int64_t depth, std::int64_t columns) const {
  return count_of({parts == 1 ? 1 : 3, right(nullptr, depth, columns).plane});
}

template <typename Acc>
std::int64_t Product<Acc>::sums_size(std::int64_t rows, std::int64_t columns) const {
  return count_of({parts, sums(nullptr, rows, columns).plane});
}

template <typename Acc>
void Product<Acc>::put_row(const Planes<Real>& b, std::int64_t row, const Acc* values,
                           std::int64_t count) const {
  Real* to = b.data + row * b.leading;
  // The rest of the last vector is multiplied too, and should be quick to multiply.
  const std::int64_t end = padded(count);
  if constexpr (parts == 1) {
    std::fill(std::copy_n(values, count, to), to + end, Real(0));
  } else {
    for (std::int64_t i = 0; i < end; ++i) {
      const Acc value = i < count ? values[i] : Acc(0);
      to[i] = value.real();
      to[i + b.plane] = value.imag();
      to[i + 2 * b.plane] = conjugate_ ? -value.real() : -value.imag();
    }
  }
}

template <typename Acc>
void Product<Acc>::put_columns(const Planes<Real>& b, std::int64_t first, const Acc* values,
                               std::int64_t step, std::int64_t count) const {
  // Vectors of fewer values have columns of their own; those past the last one are 0.
  const std::int64_t columns = std::min(together, b.leading - first);
  const auto put = [&](Real* to, auto&& part) {
    for (std::int64_t i = 0; i < count; ++i, to += b.leading) {
      if (columns == together) {
        for (std::int64_t k = 0; k < together; ++k) to[k] = part(values[k * step + i]);
      } else {
        for (std::int64_t k = 0; k < columns; ++k) to[k] = part(values[k * step + i]);
      }
    }
  };
  Real* to = b.data + first;
  if constexpr (parts == 1) {
    put(to, [](Real value) { return value; });
  } else {
    put(to, [](const Acc& value) { return value.real(); });
    put(to + b.plane, [](const Acc& value) { return value.imag(); });
    put(to + 2 * b.plane,
        [&](const Acc& value) { return conjugate_ ? -value.real() : -value.imag(); });
  }
}

// A complex part adds two partial sums for each block.
template <typename Acc>
double Product<Acc>::roundings(double depth, std::int64_t call) {
  const auto each = static_cast<double>(std::min(call, max_depth));
  const double blocks = std::ceil(depth / static_cast<double>(call)) *
                        std::ceil(static_cast<double>(call) / static_cast<double>(max_depth));
  return std::min(depth, each) + (parts * blocks > 1 ? parts * blocks : 0);
}

template <typename Acc>
const Acc* Product<Acc>::row(const Planes<Real>& sums, std::int64_t row, std::int64_t count,
                             Acc* buffer) const {
  const Real* from = sums.data + row * sums.leading;
  if constexpr (parts == 1) {
    return from;
  } else {
    for (std::int64_t i = 0; i < count; ++i) buffer[i] = {from[i], from[i + sums.plane]};
    return buffer;
  }
}

template <typename Acc>
void Product<Acc>::multiply(std::int64_t rows, std::int64_t columns, std::int64_t depth,
                            const Left<Acc>& a, const Planes<Real>& b, const Planes<Real>& sums,
                            bool adds, Acc* scratch) const {
  for (std::int64_t row = 0; row < rows; row += kernel_.channels) {
    const std::int64_t present = std::min(kernel_.channels, rows - row);
    for (std::int64_t d = 0; d < depth; d += max_depth) {
      const std::int64_t count = std::min(max_depth, depth - d);
      Left<Acc> tile{a.data + row * a.row + d * a.column, a.row, a.column};
      if (present < kernel_.channels) {  // what lies past the last row is not ours to read
        std::fill_n(scratch, scratch_size(), Acc(0));
        for (std::int64_t k = 0; k < present; ++k) {
          for (std::int64_t i = 0; i < count; ++i) {
            scratch[k * max_depth + i] = tile.data[k * a.row + i * a.column];
          }
        }
        tile = {scratch, max_depth, 1};
      }
      multiply_tile(columns, count, tile, b.data + d * b.leading, b.plane, b.leading,
                    sums.data + row * sums.leading, sums.plane, adds || d > 0);
    }
  }
}

template <typename Acc>
void Product<Acc>::multiply_tile(std::int64_t columns, std::int64_t depth, const Left<Acc>& a,
                                 const Real* b, std::int64_t plane, std::int64_t leading,
                                 Real* sums, std::int64_t sums_plane, bool adds) const {
  const std::int64_t vectors = ceil_divide(columns, kernel_.lanes);
  constexpr std::int64_t no_taps = 0;
  const auto add = [&](std::int64_t part, std::int64_t b_plane, std::int64_t c_plane, bool more) {
    kernel_.run({.x = b + b_plane * plane,
                 .channels = depth,
                 .channel_step = leading,
                 .taps = &no_taps,
                 .tap_count = 1,
                 .vectors = vectors_.data(),
                 .vector_count = vectors,
                 .last_values = columns - (vectors - 1) * kernel_.lanes,
                 .w = reinterpret_cast<const Real*>(a.data) + part,
                 .w_step = a.column * parts,
                 .w_channel = a.row * parts,
                 .y = sums + c_plane * sums_plane,
                 .adds = more});
  };
  add(0, 0, 0, adds);
  if constexpr (parts == 2) {
    add(1, conjugate_ ? 1 : 2, 0, true);
    add(0, 1, 1, adds);
    add(1, conjugate_ ? 2 : 0, 1, true);
  }
}

template class Product<float>;
template class Product<double>;
template class Product<std::complex<float>>;
template class Product<std::complex<double>>;

}  // namespace faltung::gemm
