#include "cpp/tools/picture/kernel.hpp"

#include <fmt/format.h>
#include <faltung/filters.hpp>
#include <faltung/image.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/support/options.hpp"

namespace faltung::tools {
namespace {

/// A picture's sides and a filter's sides end well below this.
constexpr double largest_size = 1e6;

Tensor read_kernel(const std::string& path) {
  const Tensor kernel = read_npy(path);
  if (is_complex(kernel.dtype()) || kernel.shape().size() != 2) {
    throw FileError(path, fmt::format("a kernel is real and has two axes; this one is {} with {}",
                                      name(kernel.dtype()), kernel.shape().size()));
  }
  Tensor values = compact_copy(kernel.view(), f64);
  for (const double value : values.values<double>()) {
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
      throw FileError(path, "a value of the kernel is not finite or beyond the range of f32");
    }
  }
  return values;
}

/// One number for both axes, or rows,columns.
PerAxis<double> parse_sides(const std::string& option, const std::string& text, double low) {
  PerAxis<double> sides = parse_numbers(option, text, low, largest_size);
  if (sides.values().size() <= 2) return sides;
  throw InvalidProblem(fmt::format("{} {}: give one number, or two: rows,columns", option, text));
}

bool are_whole(const PerAxis<double>& sides) {
  return std::ranges::all_of(sides.values(), [](double side) { return side == std::floor(side); });
}

}  // namespace

Kernel Kernel::parse(const std::string& text) {
  Kernel kernel;
  if (text.ends_with(".npy")) {
    kernel.values_ = read_kernel(text);
    kernel.name_ = "file";
    return kernel;
  }
  const std::size_t colon = text.find(':');
  kernel.name_ = text.substr(0, colon);
  const std::string numbers = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kernel.name_ == "gaussian") {
    kernel.numbers_ = parse_sides("--kernel gaussian, sigma", numbers, 0);
    return kernel;
  }
  if (kernel.name_ == "box") {
    kernel.numbers_ = parse_sides("--kernel box, size", numbers, 1);
    if (are_whole(kernel.numbers_)) return kernel;
  }
  if (text == "sharpen") kernel.values_ = filters::sharpen();
  if (text == "emboss") kernel.values_ = filters::emboss();
  for (const std::string_view plain :
       {"sobel", "sobel-x", "sobel-y", "laplace", "sharpen", "emboss"}) {
    if (text == plain) return kernel;
  }
  throw InvalidProblem(fmt::format(
      "--kernel {}: use gaussian:SIGMA, box:N (a whole number of pixels), either also for rows and "
      "columns apart, box:3,5; or sobel, sobel-x, sobel-y, laplace, sharpen, emboss or FILE.npy",
      text));
}

Tensor Kernel::apply(const ConstTensorView& x, const PerAxis<Boundary>& boundary,
                     const KernelRun& how) const {
  if (name_ == "gaussian") {
    return image::gaussian(
        x, {.sigma = numbers_, .boundary = boundary, .method = how.method, .run = how.run});
  }
  if (name_ == "box") {
    std::vector<std::int64_t> size;
    for (const double side : numbers_.values()) size.push_back(static_cast<std::int64_t>(side));
    return image::uniform(
        x, {.size = size, .boundary = boundary, .method = how.method, .run = how.run});
  }
  if (name_ == "sobel") {
    return image::sobel_magnitude(x, {.boundary = boundary, .method = how.method, .run = how.run});
  }
  if (name_ == "sobel-x" || name_ == "sobel-y") {
    const std::int64_t axis = name_ == "sobel-x" ? 1 : 0;
    return image::sobel(x,
                        {.axis = axis, .boundary = boundary, .method = how.method, .run = how.run});
  }
  if (name_ == "laplace")
    return image::laplace(x, {.boundary = boundary, .method = how.method, .run = how.run});
  return image::correlate(x, values_, {.boundary = boundary, .method = how.method, .run = how.run});
}

double Kernel::smoothing_sum() const {
  if (name_ == "gaussian" || name_ == "box") return 1;
  if (values_.dtype() != f64) return 0;  // none
  double sum = 0;
  for (const double value : values_.values<double>()) {
    if (value < 0) return 0;
    sum += value;
  }
  return sum;
}

}  // namespace faltung::tools
