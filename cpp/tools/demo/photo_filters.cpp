#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <faltung/filters.hpp>
#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/sections.hpp"

namespace faltung::tools::demo {
namespace {

constexpr double sigma = 3;

/// scipy.ndimage.correlate with the boundary rule reflect, on planes [n, height, width].
Problem filter_problem(const Tensor& planes, const Tensor& w) {
  const Shape& shape = planes.shape();
  Problem problem =
      Problem::parse(fmt::format("op=filter dtype=f32 b={} in={}x{} f={}x{} boundary=reflect",
                                 shape[0], shape[1], shape[2], w.shape()[0], w.shape()[1]));
  problem.flip = false;  // correlation; the filters here are odd, so the centre stays
  return problem;
}

/// Lengths of the gradients [2, height, width], the strongest edges white.
Tensor edge_picture(const Tensor& gradients) {
  const Shape& shape = gradients.shape();
  const auto count = static_cast<std::size_t>(shape[2] * shape[3]);
  const auto g = gradients.values<float>();
  Tensor picture(f32, {1, shape[2], shape[3]});
  const auto y = picture.values<float>();
  for (std::size_t i = 0; i < count; ++i) y[i] = std::hypot(g[i], g[count + i]);
  std::vector<float> sorted(y.begin(), y.end());
  const auto high = sorted.begin() + static_cast<std::ptrdiff_t>(count * 99 / 100);
  std::ranges::nth_element(sorted, high);
  const float white = std::max(*high, 1e-6F);
  for (float& value : y) value /= white;
  return picture;
}

/// Zero becomes middle gray.
Tensor signed_picture(Tensor planes) {
  for (float& value : planes.values<float>()) value = 0.5F + 1.5F * value;
  return planes;
}

class Filters {
 public:
  Filters(const Lab& lab, const Photo& photo) : lab_(lab), photo_(photo) {}

  void original() {
    add("<b>The photograph</b>, as it is", "the photograph as it is", pixels(photo_.color));
  }

  void color(const std::string& label, const std::string& caption, const Tensor& w) {
    Outcome outcome = run(label, filter_problem(photo_.color, w), photo_.color, w);
    add(caption, "the photograph after the filter: " + label, pixels(planes(outcome)));
  }

  void laplacian() {
    const Tensor w = filters::laplacian();
    Outcome outcome = run("Laplacian, 3 × 3", filter_problem(photo_.gray, w), photo_.gray, w);
    add("<b>Laplacian</b>: second derivatives, gray is zero", "its Laplacian: outlines on gray",
        pixels(signed_picture(planes(outcome))));
  }

  /// Both derivatives are one problem with two filters.
  void sobel() {
    const Tensor across = filters::sobel(1);
    const Tensor down = filters::sobel(0);
    Tensor both(f64, {2, 1, 3, 3});
    std::ranges::copy(across.values<double>(), both.values<double>().begin());
    std::ranges::copy(down.values<double>(), both.values<double>().begin() + 9);
    Problem problem = filter_problem(photo_.gray, across);
    problem.out_channels = 2;
    const Outcome outcome = run("Sobel, both axes", problem, photo_.gray, both);
    add("<b>Sobel</b>: length of the gradient", "its edges: white lines on black",
        pixels(edge_picture(outcome.y)));
  }

  std::vector<Picture> pictures;
  std::vector<Measurement> measurements;

 private:
  Outcome run(const std::string& label, const Problem& problem, const Tensor& x, const Tensor& w) {
    Outcome outcome = lab_.run(label, problem, x, compact_copy(w, f32));
    measurements.push_back(outcome.measurement);
    return outcome;
  }

  /// [n, 1, height, width] without the channel axis.
  static Tensor planes(Outcome& outcome) {
    const Shape shape = outcome.y.shape();
    return std::move(outcome.y).reshaped({shape[0], shape[2], shape[3]});
  }

  void add(const std::string& caption, const std::string& description, const Tensor& picture) {
    pictures.push_back({caption, description, picture_uri(picture), {}});
  }

  const Lab& lab_;
  const Photo& photo_;
};

}  // namespace

Section photo_filters(const Lab& lab, const Photo& photo) {
  const Tensor blur = filters::gaussian(sigma);
  Filters filters_of(lab, photo);
  filters_of.original();
  filters_of.color(fmt::format("Gaussian blur, {0} × {0}", blur.shape()[0]),
                   fmt::format("<b>Blur</b>: Gaussian, σ = {} pixels", sigma), blur);
  filters_of.color("Sharpen, 3 × 3", "<b>Sharpen</b>: minus the Laplacian", filters::sharpen());
  filters_of.sobel();
  filters_of.laplacian();
  filters_of.color("Emboss, 3 × 3", "<b>Emboss</b>: lit from the upper left", filters::emboss());

  Section section;
  section.id = "photo";
  section.title = "Filters on a photograph";
  section.text = "<p>Five classic filters on a photograph (" + escape(photo.origin) +
                 "). Each new pixel is a weighted sum of its neighbours; only the weights differ. "
                 "Beyond its edge the picture is continued by its mirror image, which the engines "
                 "look up while "
                 "they read: no padded copy is made.</p>";
  section.code =
      "auto blurred = faltung::image::gaussian(photo, {.sigma = {0, 3, 3}});\n"
      "auto edges   = faltung::image::sobel_magnitude(gray);\n"
      "auto sharp   = faltung::image::correlate(photo, faltung::filters::sharpen(), {.axes = {1, "
      "2}});";
  section.body = pictures_html(filters_of.pictures, 3);
  section.measurements = std::move(filters_of.measurements);
  return section;
}

}  // namespace faltung::tools::demo
