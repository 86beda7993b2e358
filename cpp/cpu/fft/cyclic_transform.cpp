#include "cpp/cpu/fft/cyclic_transform.hpp"

#include <algorithm>
#include <utility>

#include "cpp/cpu/fft/line_cost.hpp"
#include "cpp/cpu/fft/unit_roots.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

using Complex = CyclicTransform::Complex;

constexpr std::int64_t alignment = 256;

std::int64_t aligned(std::int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

std::int64_t bytes_of(std::int64_t points) {
  return aligned(points * static_cast<std::int64_t>(sizeof(Complex)));
}

}  // namespace

/// A line of any length. One that suits no Transform is a convolution of one that does: j k is half
/// of j^2 + k^2 - (k - j)^2.
/// Source: Bluestein, IEEE Trans. Audio Electroacoustics 18 (1970) 451.
class CyclicTransform::AnyLine {
 public:
  explicit AnyLine(std::int64_t length)
      : length_(length),
        points_(good_length(length) == length ? length : good_length(2 * length - 1)),
        transform_(Shape{points_}) {
    if (points_ == length_) {
      places_ = transform_.axis_places()[0];
      return;
    }
    // exp(-i pi j^2 / n), one for each j.
    const UnitRoots root(2 * length);
    for (std::int64_t j = 0; j < length; ++j)
      chirp_.push_back(std::conj(root(j * j % (2 * length))));
    const std::int64_t bytes = bytes_of(points_);
    memory_.resize(
        static_cast<std::size_t>(bytes + bytes_of_filter() + alignment + transform_.work_bytes(1)));
    std::byte* memory = filter_memory();
    auto* data = reinterpret_cast<Complex*>(memory + bytes_of_filter());
    std::fill(data, data + points_, Complex{});
    for (std::int64_t j = 0; j < length; ++j) {
      data[j] = data[(points_ - j) % points_] = std::conj(chirp_[static_cast<std::size_t>(j)]);
    }
    transform_.forward(data, transform_.whole(), reinterpret_cast<double*>(memory),
                       {memory + bytes_of_filter() + bytes, 1});
  }

  [[nodiscard]] std::int64_t work_bytes() const {
    return bytes_of(points_) + bytes_of_filter() + transform_.work_bytes(1);
  }

  /// Transforms `length` values that are so far apart.
  void forward(Complex* line, std::int64_t apart, std::byte* memory) const {
    auto* data = reinterpret_cast<Complex*>(memory);
    auto* spectrum = reinterpret_cast<double*>(memory + bytes_of(points_));
    const Transform<Complex>::Work work{memory + bytes_of(points_) + bytes_of_filter(), 1};
    const bool suits = points_ == length_;
    for (std::int64_t j = 0; j < length_; ++j) {
      data[j] = suits ? line[j * apart] : line[j * apart] * chirp_[static_cast<std::size_t>(j)];
    }
    if (suits) {
      transform_.forward(data, transform_.whole(), spectrum, work);
      for (std::int64_t k = 0; k < length_; ++k) {
        const double* value = spectrum + places_[static_cast<std::size_t>(k)];
        line[k * apart] = {value[0], value[transform_.imaginary_offset()]};
      }
      return;
    }
    std::fill(data + length_, data + points_, Complex{});
    transform_.filter(data, transform_.whole(), reinterpret_cast<const double*>(filter_memory()),
                      data, transform_.whole(), work);
    for (std::int64_t k = 0; k < length_; ++k) {
      line[k * apart] = data[k] * chirp_[static_cast<std::size_t>(k)];
    }
  }

 private:
  [[nodiscard]] std::int64_t bytes_of_filter() const {
    return aligned(transform_.spectrum_values() * static_cast<std::int64_t>(sizeof(double)));
  }
  [[nodiscard]] std::byte* filter_memory() const {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    return const_cast<std::byte*>(memory_.data()) + (alignment - address % alignment) % alignment;
  }

  std::int64_t length_, points_;
  Transform<Complex> transform_;
  std::vector<std::int64_t> places_;  ///< where the length suits
  std::vector<Complex> chirp_;        ///< where it does not
  std::vector<std::byte> memory_;     ///< the spectrum of what the chirped line is convolved with
};

CyclicTransform::CyclicTransform(const Shape& lengths) : lengths_(lengths) {
  const auto suits = [](std::int64_t length) { return good_length(length) == length; };
  if (std::all_of(lengths.begin(), lengths.end(), suits)) {
    whole_.emplace(lengths);
    places_ = whole_->axis_places();
    imaginary_offset_ = whole_->imaginary_offset();
    return;
  }
  const Strides strides = compact_strides(lengths);
  for (std::size_t axis = 0; axis < lengths.size(); ++axis) {
    lines_.push_back(std::make_unique<const AnyLine>(lengths[axis]));
    std::vector<std::int64_t>& places = places_.emplace_back();
    for (std::int64_t k = 0; k < lengths[axis]; ++k) places.push_back(2 * k * strides[axis]);
  }
}

CyclicTransform::~CyclicTransform() = default;

std::int64_t CyclicTransform::spectrum_values() const {
  return whole_ ? whole_->spectrum_values() : 2 * element_count(lengths_);
}

std::int64_t CyclicTransform::work_bytes(int slots) const {
  if (whole_) return whole_->work_bytes(slots);
  std::int64_t most = 0;
  for (const auto& line : lines_) most = std::max(most, line->work_bytes());
  return slots * aligned(most);
}

void CyclicTransform::all_lines(Complex* values, const Work& work) const {
  const Strides strides = compact_strides(lengths_);
  const std::int64_t slot_bytes = work_bytes(1);
  for (std::size_t axis = 0; axis < lengths_.size(); ++axis) {
    const std::int64_t n = lengths_[axis], apart = strides[axis];
    if (n == 1) continue;
    parallel_for(element_count(lengths_) / n, work.slots, [&](std::int64_t number, int slot) {
      Complex* line = values + number / apart * apart * n + number % apart;
      lines_[axis]->forward(line, apart, work.memory + slot * slot_bytes);
    });
  }
}

void CyclicTransform::forward(const Complex* x, double* spectrum, const Work& work) const {
  if (whole_) return whole_->forward(x, whole_->whole(), spectrum, work);
  auto* values = reinterpret_cast<Complex*>(spectrum);
  std::copy(x, x + element_count(lengths_), values);
  all_lines(values, work);
}

void CyclicTransform::inverse(double* spectrum, Complex* x, const Work& work) const {
  if (whole_) return whole_->inverse(spectrum, x, whole_->whole(), work);
  const std::int64_t count = element_count(lengths_);
  auto* values = reinterpret_cast<Complex*>(spectrum);
  for (std::int64_t i = 0; i < count; ++i) x[i] = std::conj(values[i]);
  all_lines(x, work);
  for (std::int64_t i = 0; i < count; ++i) x[i] = std::conj(x[i]) / static_cast<double>(count);
}

}  // namespace faltung::fft
