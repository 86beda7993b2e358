#include "cpp/cpu/fft/real_spectrum.hpp"

#include <numeric>

#include "cpp/core/strided.hpp"
#include "cpp/cpu/fft/unit_roots.hpp"

namespace faltung::fft {
namespace {

Shape complex_lengths(Shape lengths) {
  std::int64_t& last = lengths[lengths.size() - 1];
  if (last % 2 == 0) last /= 2;
  return lengths;
}

}  // namespace

RealSpectrum::RealSpectrum(const Shape& lengths)
    : packed_(lengths.back() % 2 == 0),
      points_(element_count(complex_lengths(lengths))),
      columns_(complex_lengths(lengths).back()),
      transform_(complex_lengths(lengths)) {
  Shape rows = lengths;
  rows[rows.size() - 1] = 1;
  const Strides strides = compact_strides(rows);
  for_each_index(rows, [&](std::int64_t, const Extents& k) {
    std::int64_t place = 0, mirrored = 0;
    for (std::size_t axis = 0; axis + 1 < k.size(); ++axis) {
      place += transform_.axis_places()[axis][static_cast<std::size_t>(k[axis])];
      mirrored += (k[axis] == 0 ? 0 : lengths[axis] - k[axis]) * strides[axis];
    }
    row_places_.push_back(place);
    mirrored_rows_.push_back(mirrored);
  });
  order_.resize(row_places_.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [&](std::int64_t a, std::int64_t b) {
    return row_places_[static_cast<std::size_t>(a)] < row_places_[static_cast<std::size_t>(b)];
  });
  if (!packed_) return;
  const UnitRoots root(2 * columns_);
  for (std::int64_t k = 0; k < columns_; ++k) {
    // A quarter of the circle is exact, so that what a blur leaves nothing of is 0.
    turns_.push_back(2 * k == columns_ ? Complex{0, -1} : std::conj(root(k)));
  }
}

std::int64_t RealSpectrum::work_bytes(int slots) const {
  const auto unpacked = static_cast<std::int64_t>(sizeof(Complex)) * points_;
  return transform_.work_bytes(slots) + (packed_ ? 0 : unpacked);
}

void RealSpectrum::forward(const double* x, double* spectrum, const Work& work) const {
  // An array of complex numbers is one of their parts: [complex.numbers.general].
  if (packed_) return transform_.forward(reinterpret_cast<const Complex*>(x), spectrum, work);
  auto* z = reinterpret_cast<Complex*>(work.memory + transform_.work_bytes(work.slots));
  for (std::int64_t i = 0; i < points_; ++i) z[i] = x[i];
  transform_.forward(z, spectrum, work);
}

void RealSpectrum::inverse(double* spectrum, double* x, const Work& work) const {
  if (packed_) return transform_.inverse(spectrum, reinterpret_cast<Complex*>(x), work);
  auto* z = reinterpret_cast<Complex*>(work.memory + transform_.work_bytes(work.slots));
  transform_.inverse(spectrum, z, work);
  for (std::int64_t i = 0; i < points_; ++i) x[i] = z[i].real();
}

}  // namespace faltung::fft
