// The sums of a masked convolution, and what becomes of them: of a whole image at once, or by
// windows or bands.

#include <algorithm>
#include <cmath>
#include <utility>

#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/masked.hpp"
#include "cpp/frontend/scratch.hpp"

namespace faltung::masked {

void prepare_passes(const Masked& masked) {
  if (!is_elsewhere(masked)) return;
  cuda_backend().masked_passes().prepare(masked.device, masked.types.sums);
}

namespace {

std::size_t scratch_bytes(const Masked& masked) {
  return std::max({masked.data.workspace_bytes, masked.divisors.workspace_bytes,
                   masked.counts.workspace_bytes});
}

}  // namespace

Loaded load_elements(const Masked& masked, std::int64_t first, const ConstTensorView& x,
                     const TensorView& values, const TensorView& weights) {
  const bool converted = x.dtype != values.dtype || !is_compact(x);
  if (converted) copy_elements(x, values);
  if (masked.weights.given()) {
    ConstTensorView given = masked.weights.view;
    given.shape = x.shape;
    const std::int64_t offset = x.shape.empty() ? 0 : first * given.strides[0];
    given.data = static_cast<const std::byte*>(given.data) +
                 offset * static_cast<std::int64_t>(size_of(given.dtype));
    copy_elements(given, weights);
  }
  return load(converted ? ConstTensorView(values) : x, values, weights,
              {.nan = masked.words.nan,
               .nan_value = masked.words.nan_value,
               .weighted = masked.weights.given()});
}

Loaded load_on_device(const Masked& masked, const ConstTensorView& x, const TensorView& values,
                      const TensorView& weights, const Stream& stream) {
  cuda_backend().masked_passes().load({.x = x,
                                       .given = masked.weights.view,
                                       .values = values,
                                       .weights = weights,
                                       .rule = {.nan = masked.words.nan,
                                                .nan_value = masked.words.nan_value,
                                                .weighted = masked.weights.given()}},
                                      stream);
  return {false, masked.weights.largest};
}

void finish(const TensorView& sums, const ConstTensorView& divisors, const ConstTensorView& counts,
            const Masked& masked, const ConstTensorView& x, const QuotientRule& rule,
            const TensorView& results) {
  const bool scaled = divisors.data != nullptr || rule.gain != rule.sum;
  if (scaled) {
    divide(sums, divisors, counts, rule, results);
  } else if (results.data != sums.data) {
    copy_elements(sums, results);
  }
  const OriginalRule originals{.fills = !masked.words.fill, .preserves = masked.words.preserve_nan};
  if (originals.preserves || (originals.fills && divisors.data != nullptr)) {
    restore(results, divisors, counts, x, rule, originals);
  }
}

namespace {

// Whether nothing becomes of x before it is convolved.
bool is_read_as_it_is(const Masked& masked, const ConstTensorView& x) {
  if (masked.weights.given() || x.dtype != masked.types.sums || !is_compact(x)) return false;
  if (masked.words.nan == NanRule::spread) return true;
  return !is_elsewhere(masked) && masked.outside_counts && !has_nan(x);
}

}  // namespace

Sums::Sums(const Masked& masked, const Shape& x, const Shape& y, bool in_place)
    : masked_(masked), x_(x), y_(y), in_place_(in_place) {}

std::size_t Sums::image_bytes() const {
  const DType type = masked_.types.sums;
  const Taps& taps = masked_.taps;
  const std::size_t x = faltung::image_bytes(x_, type), y = faltung::image_bytes(y_, type);
  return std::max(x, y) + (in_place_ ? 0 : y) + (taps.divides ? x : 0) +
         (taps.counts_apart ? y : 0);
}

std::size_t Sums::bytes() const { return image_bytes() + scratch_bytes(masked_); }

TensorView Sums::image(const Shape& shape, const Workspace& workspace, std::size_t offset) const {
  return {static_cast<std::byte*>(workspace.data) + offset, masked_.types.sums, shape,
          compact_strides(shape), masked_.device};
}

Workspace Sums::scratch(const Workspace& workspace) const {
  const std::size_t images = image_bytes();
  if (workspace.bytes == images) return {};
  return {static_cast<std::byte*>(workspace.data) + images, workspace.bytes - images};
}

Sums::Images Sums::images_in(const TensorView& sums, const Workspace& workspace) const {
  const DType type = masked_.types.sums;
  const std::size_t x = faltung::image_bytes(x_, type), y = faltung::image_bytes(y_, type);
  Images images;
  images.rule = masked_.taps.rule;
  std::size_t offset = 0;
  images.values = image(x_, workspace, offset);
  if (masked_.taps.divides) images.divisors = image(y_, workspace, offset);
  offset += std::max(x, y);
  images.sums = in_place_ ? sums : image(y_, workspace, offset);
  offset += in_place_ ? 0 : y;
  if (masked_.taps.divides) images.weights = image(x_, workspace, offset);
  offset += masked_.taps.divides ? x : 0;
  if (masked_.taps.counts_apart) images.counts = image(y_, workspace, offset);
  return images;
}

Loaded Sums::load_from(const ConstTensorView& x, const Images& images, const Stream& stream) const {
  if (is_elsewhere(masked_)) {
    return load_on_device(masked_, x, images.values, images.weights, stream);
  }
  return load_elements(masked_, 0, x, images.values, images.weights);
}

Sums::Images Sums::form(const ConstTensorView& x, const TensorView& sums, const Stream& stream,
                        const Workspace& workspace, bool everything) const {
  const Taps& taps = masked_.taps;
  Images images = images_in(sums, workspace);
  const Workspace rest = scratch(workspace);
  const FloatEnvironment environment(subnormals_of(masked_.run));
  if (!everything && is_read_as_it_is(masked_, x)) {
    masked_.data.run(x, images.sums, stream, rest);
    images.divisors.data = images.counts.data = nullptr;
    return images;
  }
  const Loaded loaded = load_from(x, images, stream);
  masked_.data.run(images.values, images.sums, stream, rest);
  if (!taps.divides || (loaded.all_count && masked_.outside_counts && !everything)) {
    images.divisors.data = images.counts.data = nullptr;
    return images;
  }
  masked_.divisors.run(images.weights, images.divisors, stream, rest);
  const ErrorBound bound = masked_.divisors.plan->error_bound();
  if (bound.kind == ErrorBound::Kind::normwise) {
    // ||m|| <= its largest element times the root of their number; ||w|| <= the sum of |w|.
    const double elements = static_cast<double>(element_count(x_));
    images.rule.vanishing += bound.constant * std::sqrt(elements) * taps.magnitude;
  }
  images.rule.vanishing *= loaded.largest_weight;
  if (taps.counts_apart) {
    // The weights have done their work; what is above 0 counts.
    if (is_elsewhere(masked_)) {
      cuda_backend().masked_passes().count(images.weights, stream);
    } else {
      count_weights(images.weights);
    }
    masked_.counts.run(images.weights, images.counts, stream, rest);
  } else if (taps.rule.min_count > 1) {
    images.counts = images.divisors;
  }
  return images;
}

namespace {

// One way to compute all results.
class Whole {
 public:
  Whole(const Masked& masked, const Shape& x, const TensorView& y)
      : masked_(masked),
        in_place_(y.dtype == masked.types.sums && is_compact(y)),
        sums_(masked, x, y.shape, in_place_) {}

  [[nodiscard]] std::size_t bytes() const { return sums_.bytes(); }
  void run(const ConstTensorView& x, const TensorView& y, const Stream& stream,
           const Workspace& workspace) const {
    const Sums::Images images = sums_.form(x, y, stream, workspace, false);
    if (is_elsewhere(masked_)) {
      // Signals have no elements in the places of their results.
      const bool paired = x.shape == y.shape;
      return cuda_backend().masked_passes().divide(
          {.sums = images.sums,
           .divisors = images.divisors,
           .counts = images.counts,
           .x = paired ? x : ConstTensorView{},
           .y = y,
           .rule = images.rule,
           .originals = {.fills = !masked_.words.fill, .preserves = masked_.words.preserve_nan}},
          stream);
    }
    const FloatEnvironment environment(subnormals_of(masked_.run));
    finish(images.sums, images.divisors, images.counts, masked_, x, images.rule, images.sums);
    if (!in_place_) copy_elements(images.sums, y);
  }

  // Where x is read as it is, the sums alone.
  [[nodiscard]] std::size_t plain_bytes(const Shape& y) const {
    return sums_bytes(y) + masked_.data.workspace_bytes;
  }
  void run_plain(const ConstTensorView& x, const TensorView& y, const Stream& stream,
                 const Workspace& workspace) const {
    const std::size_t own = sums_bytes(y.shape);
    TensorView sums = y;
    if (!in_place_) {
      sums = {workspace.data, masked_.types.sums, y.shape, compact_strides(y.shape), y.device};
    }
    const FloatEnvironment environment(subnormals_of(masked_.run));
    Workspace rest;
    if (workspace.bytes > own) {
      rest = {static_cast<std::byte*>(workspace.data) + own, workspace.bytes - own};
    }
    masked_.data.run(x, sums, stream, rest);
    finish(sums, {}, {}, masked_, x, masked_.taps.rule, sums);
    if (!in_place_) copy_elements(sums, y);
  }

 private:
  [[nodiscard]] std::size_t sums_bytes(const Shape& y) const {
    return in_place_ ? 0 : image_bytes(y, masked_.types.sums);
  }

  const Masked& masked_;
  bool in_place_;
  Sums sums_;
};

}  // namespace

void add_masked(Steps& steps, Masked masked) {
  const TensorView y = steps.y();
  const Shape x = steps.x().shape;
  Step step{.from = Place::x, .to = Place::y, .what = "quotients of sums and weights"};
  const auto kept = std::make_shared<const Masked>(std::move(masked));
  prepare_passes(*kept);
  const Whole whole(*kept, x, y);
  step.parts = {kept->data.plan};
  if (kept->windows) {
    step.what = "quotients of sums and weights, in windows";
    step.workspace_bytes = std::max(whole.plain_bytes(y.shape), windows_bytes(*kept));
  } else if (kept->bands) {
    for (const auto* pass : {&kept->bands->data, &kept->bands->divisors, &kept->bands->counts}) {
      if (*pass) step.parts.push_back((*pass)->plan());
    }
    step.workspace_bytes = std::max(whole.plain_bytes(y.shape), bands_bytes(*kept, x, y.shape));
  } else {
    if (kept->taps.divides) step.parts.push_back(kept->divisors.plan);
    if (kept->taps.counts_apart) step.parts.push_back(kept->counts.plan);
    step.workspace_bytes = whole.bytes();
  }
  step.run = [kept, x](const ConstTensorView& from, const TensorView& to, const Stream& stream,
                       const Workspace& workspace) {
    const Whole all(*kept, x, to);
    if (!kept->bands && !kept->windows) {
      all.run(from, to, stream, workspace);
    } else if (is_read_as_it_is(*kept, from)) {
      all.run_plain(from, to, stream, workspace);
    } else if (kept->windows) {
      run_windows(*kept, from, to, workspace);
    } else {
      run_bands(*kept, from, to, stream, workspace);
    }
  };
  steps.add(std::move(step));
}

}  // namespace faltung::masked
