#include "cpp/tools/demo/inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <faltung/filters.hpp>
#include <faltung/plan.hpp>
#include "cpp/tools/io/png.hpp"
#include "cpp/tools/io/sound.hpp"

namespace faltung::tools::demo {
namespace {

constexpr std::int64_t longest_side = 640;
constexpr std::int64_t longest_seconds = 10;

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

/// Samples as stored [height, width, channels] to planes [3, height, width] from 0 to 1.
Tensor to_planes(const Tensor& stored) {
  const Shape& shape = stored.shape();
  const double full = stored.dtype() == u16 ? 65535 : 255;
  const Tensor wide = compact_copy(stored, f64);
  const auto source = wide.values<double>();
  const auto channels = static_cast<std::size_t>(shape[2]);
  const auto count = static_cast<std::size_t>(shape[0] * shape[1]);
  Tensor planes(f32, {3, shape[0], shape[1]});
  const auto target = planes.values<float>();
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t from = channels >= 3 ? c : 0;
    for (std::size_t i = 0; i < count; ++i) {
      target[c * count + i] = static_cast<float>(source[i * channels + from] / full);
    }
  }
  return planes;
}

/// The mean of each `factor` x `factor` block: a box filter with stride.
Tensor reduced(const Tensor& planes, std::int64_t factor) {
  Problem problem;
  problem.batch = 3;
  for (std::size_t i = 1; i < 3; ++i) {
    Axis axis;
    axis.input = planes.shape()[i];
    axis.filter = axis.stride = factor;
    problem.axes.push_back(axis);
  }
  const Tensor box = compact_copy(filters::box({1, 1, factor, factor}), f32);
  Tensor result(f32, problem.y_shape());
  const ConstTensorView x{planes.data(), f32, problem.x_shape(), compact_strides(problem.x_shape()),
                          Device::cpu()};
  Plan::make(problem).run({}, x, box, result);
  return std::move(result).reshaped({3, problem.axes[0].output(), problem.axes[1].output()});
}

/// Source of the weights: ITU-R BT.601.
Tensor luminance(const Tensor& color) {
  constexpr float weights[] = {0.299F, 0.587F, 0.114F};
  Tensor gray = Tensor::zeros(f32, {1, color.shape()[1], color.shape()[2]});
  const auto source = color.values<float>();
  const auto target = gray.values<float>();
  for (std::size_t i = 0; i < source.size(); ++i) {
    target[i % target.size()] += weights[i / target.size()] * source[i];
  }
  return gray;
}

}  // namespace

Photo read_photo(const std::string& path) {
  const Tensor stored = read_png(path);
  const std::int64_t height = stored.shape()[0];
  const std::int64_t width = stored.shape()[1];
  Photo photo;
  photo.origin = fmt::format("{}, {} \u00d7 {} pixels", file_name(path), width, height);
  photo.color = to_planes(stored);
  const std::int64_t factor = (std::max(height, width) + longest_side - 1) / longest_side;
  if (factor > 1 && std::min(height, width) >= factor) {
    photo.color = reduced(photo.color, factor);
    photo.origin += fmt::format(", made {} times smaller", factor);
  }
  photo.gray = luminance(photo.color);
  return photo;
}

Recording read_recording(const std::string& path) {
  const Sound sound = read_sound(path);
  const std::int64_t channels = sound.samples.shape()[0];
  const std::int64_t all = sound.samples.shape()[1];
  const std::int64_t frames = std::min(all, longest_seconds * sound.rate);
  Recording recording;
  recording.rate = sound.rate;
  recording.samples = Tensor::zeros(f32, {1, frames});
  const auto target = recording.samples.values<float>();
  const auto source = sound.samples.values<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = 0; i < frames; ++i) {
      target[static_cast<std::size_t>(i)] += static_cast<float>(
          source[static_cast<std::size_t>(c * all + i)] / static_cast<double>(channels));
    }
  }
  float peak = 0;
  for (const float value : target) peak = std::max(peak, std::abs(value));
  if (peak > 0) {
    for (float& value : target) value /= peak;
  }
  recording.origin = fmt::format("{}, {:.1f} s at {} Hz", file_name(path),
                                 static_cast<double>(all) / sound.rate, sound.rate);
  if (frames < all) recording.origin += fmt::format(", its first {} s", longest_seconds);
  return recording;
}

}  // namespace faltung::tools::demo
