#include "cpp/frontend/wiener_spectrum.hpp"

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/fft/real_spectrum.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/execution.hpp"

namespace faltung::image {
namespace {

using fft::RealSpectrum;
using Complex = std::complex<double>;

bool spectra_serve(const ConstTensorView& x, const Execution& run) {
  return x.device.kind == DeviceKind::cpu && run.engine.empty() && run.workspace.data == nullptr &&
         run.workspace_limit == std::numeric_limits<std::size_t>::max() &&
         run.accuracy == Accuracy::normwise && !run.reproducible && !run.flush_subnormals;
}

// An impulse response on an array of that shape, its element (M - 1) / 2 at element 0.
Tensor placed(const ConstTensorView& response, const Shape& shape, const WienerOptions& options) {
  Tensor result = new_zeros(f64, shape, Device::cpu(), options.run);
  const Tensor taps = cpu_copy(response, f64, options.run.stream);
  const Strides strides = compact_strides(shape);
  const double* from = taps.values<double>().data();
  double* to = result.values<double>().data();
  for_each_index(response.shape, [&](std::int64_t position, const Extents& index) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis) {
      const std::int64_t at = index[axis] - (response.shape[axis] - 1) / 2;
      place += (at < 0 ? at + shape[axis] : at) * strides[axis];
    }
    to[place] = from[position];
  });
  return result;
}

// The Laplacian's spectrum is real, and a sum of one term for each axis: 2 - 2 cos(2 pi k / n).
class Laplacian {
 public:
  explicit Laplacian(const Shape& shape) {
    Shape rows = shape;
    rows[rows.size() - 1] = 1;
    for_each_index(rows, [&](std::int64_t, const Extents& k) {
      double sum = 0;
      for (std::size_t axis = 0; axis + 1 < k.size(); ++axis) sum += term(k[axis], shape[axis]);
      rows_.push_back(sum);
    });
    for (std::int64_t k = 0; k < shape.back(); ++k) last_.push_back(term(k, shape.back()));
  }
  [[nodiscard]] double power(std::int64_t row, std::int64_t k) const {
    const double sum = rows_[static_cast<std::size_t>(row)] + last_[static_cast<std::size_t>(k)];
    return sum * sum;
  }

 private:
  static double term(std::int64_t k, std::int64_t n) {
    const double half =
        std::sin(std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
    return 4 * half * half;
  }
  std::vector<double> rows_, last_;
};

class Spectra {
 public:
  Spectra(const Shape& shape, const Execution& run) : run_(run), transform_(shape) {
    // About 20 ns a point and transform, with what is done between them.
    slots_ = plan_threads(transform_.rows(), 20e-3 * static_cast<double>(element_count(shape)));
    memory_ = new_tensor(i8, {transform_.work_bytes(slots_)}, Device::cpu(), run);
  }

  [[nodiscard]] const RealSpectrum& transform() const { return transform_; }
  [[nodiscard]] int slots() const { return slots_; }
  [[nodiscard]] Tensor of(const Tensor& x) {
    Tensor spectrum = new_tensor(f64, {transform_.values()}, Device::cpu(), run_);
    transform_.forward(x.values<double>().data(), spectrum.values<double>().data(), work());
    return spectrum;
  }
  void back(Tensor& spectrum, Tensor& x) {
    transform_.inverse(spectrum.values<double>().data(), x.values<double>().data(), work());
  }
  // Whatever is not finite reaches every frequency.
  [[nodiscard]] bool is_finite(const Tensor& spectrum) const {
    const auto [first, second] = transform_.at(spectrum.values<double>().data(), {0, 0, 0, 0});
    return std::isfinite(std::norm(first)) && std::isfinite(std::norm(second));
  }

 private:
  RealSpectrum::Work work() { return {static_cast<std::byte*>(memory_.data()), slots_}; }

  const Execution& run_;
  RealSpectrum transform_;
  int slots_ = 1;
  Tensor memory_;
};

// X conj(H) / (|H|^2 + balance |R|^2), with |R|^2 by its place and frequency.
template <typename Rough>
void filter(const Spectra& spectra, double* x, const double* h, double balance,
            const Rough& rough) {
  const RealSpectrum& transform = spectra.transform();
  transform.for_each_place(spectra.slots(), [&](const RealSpectrum::Place& place) {
    RealSpectrum::Pair values = transform.at(x, place);
    const RealSpectrum::Pair blur = transform.at(h, place);
    const auto powers = rough(place);
    for (std::size_t part = 0; part < 2; ++part) {
      const Complex& b = blur[part];
      const double power = b.real() * b.real() + b.imag() * b.imag() + balance * powers[part];
      const double scale = power == 0 ? 0 : 1 / power;
      values[part] = scale * RealSpectrum::product(values[part], std::conj(b));
    }
    transform.put(x, place, values);
  });
}

}  // namespace

std::optional<Tensor> wiener_by_spectra(const ConstTensorView& x, const ConstTensorView& psf,
                                        const WienerOptions& options) {
  const Execution& run = options.run;
  if (!spectra_serve(x, run)) return std::nullopt;
  const FloatEnvironment environment;
  Spectra spectra(x.shape, run);
  Tensor image = new_copy(x, f64, run);
  Tensor values = spectra.of(image);
  const Tensor blur = spectra.of(placed(psf, x.shape, options));
  if (!spectra.is_finite(values) || !spectra.is_finite(blur)) return std::nullopt;
  double* of_x = values.values<double>().data();
  const double* of_h = blur.values<double>().data();
  const RealSpectrum& transform = spectra.transform();
  if (options.roughness) {
    const Tensor rough = spectra.of(placed(*options.roughness, x.shape, options));
    if (!spectra.is_finite(rough)) return std::nullopt;
    const double* of_r = rough.values<double>().data();
    filter(spectra, of_x, of_h, options.balance, [&](const RealSpectrum::Place& place) {
      const auto [first, second] = transform.at(of_r, place);
      return std::array{std::norm(first), std::norm(second)};
    });
  } else {
    const Laplacian laplacian(x.shape);
    const std::int64_t apart = transform.parts() == 2 ? transform.columns() : 0;
    filter(spectra, of_x, of_h, options.balance, [&](const RealSpectrum::Place& place) {
      return std::array{laplacian.power(place.row, place.column),
                        laplacian.power(place.row, place.column + apart)};
    });
  }
  spectra.back(values, image);
  return x.dtype == f64 ? std::move(image) : new_copy(image, x.dtype, run);
}

}  // namespace faltung::image
