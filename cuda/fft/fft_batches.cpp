#include "cuda/fft/fft_batches.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/machine.hpp"
#include "cuda/fft/fft_lengths.hpp"
#include "cuda/fft/fused_load.hpp"
#include "cuda/primitives/integers.hpp"

namespace faltung::cuda::fft {
namespace {

// Blocks whose arrays take this much stay in half of a second-level cache.
double batch_bytes() { return static_cast<double>(reference_gpu_machine().l2_bytes / 2); }

double number(std::int64_t value) { return static_cast<double>(value); }

double spectrum_bytes(const Numbers& numbers, const Geometry& g) {
  return number(spectrum_points(g, numbers.complex)) * 2 * numbers.part();
}
double points_bytes(const Numbers& numbers, const Geometry& g) {
  return number(g.points) * numbers.point();
}

/// Trips through memory of a transform.
double trips(const Geometry& g) {
  double trips = 0;
  for (const BlockAxis& block : g.block) trips += trips_of(block.length);
  return trips;
}

// Blocks of an image that folds are stored together.
std::int64_t unit_step(const Geometry& g) { return g.folds ? g.blocks : 1; }

// Parts of one size, as few as may hold `fit` each; how much one is.
std::int64_t even_part(std::int64_t all, double fit) {
  const auto max = static_cast<std::int64_t>(std::clamp(fit, 1.0, number(all)));
  return divide_up(all, divide_up(all, max));
}

/// How often a run does what, over all its batches and sections.
struct Times {
  double units = 1;            ///< batches of them
  double x = 0, y = 0, w = 0;  ///< every array is loaded
  double sums = 1;             ///< products that one result collects
};
Times times_of(const Numbers& numbers, const Geometry& g, const Batches& b) {
  const SectionCounts sections = count_sections(g, b);
  Times times;
  times.units = std::ceil(number(g.units()) / number(b.units));
  const double inputs = number(sections.inputs), outputs = number(sections.outputs);
  switch (numbers.pass) {
    case Pass::forward:
      times.x = sections.inputs == 1 ? 1 : outputs;
      times.w = sections.all() == 1 ? 1 : times.units;
      times.sums = inputs;
      break;
    case Pass::backward_data:
      times.y = sections.outputs == 1 ? 1 : inputs;
      times.w = sections.all() == 1 ? 1 : times.units;
      times.sums = outputs;
      break;
    case Pass::backward_filter:
      times.x = times.units == 1 && sections.inputs == 1 ? 1 : outputs;
      times.y = times.units == 1 ? 1 : inputs;
      times.sums = times.units;
      break;
  }
  return times;
}

/// What a run moves: bytes of the tensors, and between its kernels; complex products, and launches.
struct Work {
  double outside = 0, inside = 0, products = 0, launches = 0;
};

double pairs_of_digits(const faltung::fft::Digits& digits) {
  int pairs = 0;
  for (int d = 0; d < digits.diagonals(); ++d) digits.for_each_pair(d, [&](int, int) { ++pairs; });
  return pairs;
}

// Bytes of the tensors.
double outside_bytes(const Numbers& numbers, const Geometry& g, const Times& times) {
  const bool data = numbers.pass == Pass::backward_data;
  double x = number(g.inputs()), y = number(g.outputs()), taps = 1;
  for (int a = 0; a < max_rank; ++a) {
    const AxisGeometry& axis = g.axis[a];
    const double tiles = number(g.block[a].tiles);
    x *= data ? number(axis.input) : tiles * number(window(axis, g.block[a], 0));
    y *= data ? tiles * number(std::min(g.block[a].tile, axis.output)) : number(axis.output);
    taps *= number(axis.filter);
  }
  const double images = number(g.images);
  // Loaded once for each digit, stored once.
  const auto loads = [&](Operand operand, double count) {
    return operand == result_of(numbers.pass) ? 1.0 : count * number(parts_of(numbers, operand));
  };
  return images * x * loads(Operand::x, times.x) * static_cast<double>(numbers.x_bytes) +
         images * y * loads(Operand::y, times.y) * static_cast<double>(numbers.y_bytes) +
         number(g.pairs()) * taps * loads(Operand::w, times.w) *
             static_cast<double>(numbers.w_bytes);
}

Work work_of(const Numbers& numbers, const Geometry& g, const Batches& b, const FusedLoads& fused) {
  const SectionCounts sections = count_sections(g, b);
  const ArrayCounts arrays = count_arrays(b);
  const Times times = times_of(numbers, g, b);
  const bool data = numbers.pass == Pass::backward_data,
             filter = numbers.pass == Pass::backward_filter;
  const double spectrum = spectrum_bytes(numbers, g), points = points_bytes(numbers, g);
  const double transform = points + spectrum + 2 * (trips(g) - 1) * spectrum;
  // Batches, of as many arrays as there are in one.
  const double x_batches = times.units * number(sections.groups * sections.inputs);
  const double y_batches = times.units * number(sections.groups * sections.outputs);
  const double w_batches = number(sections.all());
  const double x_times = std::max(1.0, times.x), y_times = std::max(1.0, times.y),
               w_times = std::max(1.0, times.w);
  const double x_parts = number(parts_of(numbers, Operand::x)),
               y_parts = number(parts_of(numbers, Operand::y)),
               w_parts = number(parts_of(numbers, Operand::w));
  const double x = x_batches * x_times * x_parts * number(arrays.x);
  const double y = y_batches * y_times * y_parts * number(arrays.y);
  const double w = w_batches * w_times * w_parts * number(arrays.w);
  Work work;
  work.outside = outside_bytes(numbers, g, times);
  work.inside = (x + y + w) * (points + transform);
  const auto spared = [&](Operand operand, double count) {
    return fused.has(operand) ? 2 * count * points : 0;
  };
  work.inside -= spared(Operand::x, x) + spared(Operand::w, w) + spared(Operand::y, y);
  // A tile of sums reads its factors once; each sum is written, and read where it goes on.
  const double rows = number(filter ? b.outputs : b.units);
  const double columns = number(filter || data ? b.inputs : b.outputs);
  const double tiles =
      std::ceil(columns / product_columns) / columns + std::ceil(rows / product_rows) / rows;
  const double products = times.units * w_batches * pairs_of_digits(numbers.digits) *
                          number(b.units * b.groups * b.inputs * b.outputs);
  const double sums = filter ? w : data ? x : y;
  work.inside += (products * tiles + sums * (2 * times.sums - 1)) * spectrum;
  work.products = products * spectrum / (2 * numbers.part());
  const double moves = x_batches * x_times * x_parts + y_batches * y_times * y_parts +
                       w_batches * w_times * w_parts * number(arrays.w / b.pairs);
  work.launches =
      moves * (1 + trips(g)) + times.units * w_batches * number(numbers.digits.diagonals());
  if (!numbers
           .integers) {  // of NaN and infinity: for each batch of results, and to clear the marks
    const double results = filter ? w_batches * number(arrays.w / b.pairs)
                           : data ? x_batches
                                  : y_batches;
    work.launches += results + 1;
  }
  return work;
}

}  // namespace

SectionCounts count_sections(const Geometry& g, const Batches& b) {
  return {divide_up(g.groups, b.groups), divide_up(g.group_inputs, b.inputs),
          divide_up(g.group_outputs, b.outputs)};
}

Section section_at(const Batches& b, std::int64_t group, std::int64_t input, std::int64_t output) {
  return {.group = group * b.groups,
          .input = input * b.inputs,
          .output = output * b.outputs,
          .groups = b.groups,
          .inputs = b.inputs,
          .outputs = b.outputs};
}

ArrayCounts count_arrays(const Batches& b) {
  return {b.units * b.groups * b.inputs, b.units * b.groups * b.outputs,
          round_up(b.groups * b.inputs * b.outputs, b.pairs)};
}

Layout lay_out(const Numbers& numbers, const Geometry& g, const Batches& b, std::size_t work_bytes,
               const FusedLoads& fused) {
  const ArrayCounts arrays = count_arrays(b);
  Layout layout;
  const auto place = [&](std::int64_t count, double size) {
    const std::size_t begin = layout.end;
    const std::size_t bytes = static_cast<std::size_t>(count) * static_cast<std::size_t>(size);
    layout.end += (bytes + 255) / 256 * 256;
    return begin;
  };
  // Of a result there are the points of all diagonals, of others those of one digit at a time.
  const auto at_once = [&](Operand operand, std::int64_t count) {
    return operand == result_of(numbers.pass) ? count * parts_of(numbers, operand) : count;
  };
  const double points = points_bytes(numbers, g), spectrum = spectrum_bytes(numbers, g);
  layout.points = place(std::max({at_once(Operand::x, arrays.x), at_once(Operand::y, arrays.y),
                                  at_once(Operand::w, b.pairs)}),
                        points);
  layout.x = place(arrays.x * parts_of(numbers, Operand::x), spectrum);
  layout.y = place(arrays.y * parts_of(numbers, Operand::y), spectrum);
  layout.w = place(arrays.w * parts_of(numbers, Operand::w), spectrum);
  if (!numbers.integers) {
    const auto marks = [&](Operand operand, std::int64_t count) {
      return operand == result_of(numbers.pass) ? 0 : count * mark_words(g);
    };
    layout.any = place(1, mark_bytes);
    layout.x_marks = place(marks(Operand::x, arrays.x), mark_bytes);
    layout.y_marks = place(marks(Operand::y, arrays.y), mark_bytes);
    layout.w_marks = place(marks(Operand::w, arrays.w), mark_bytes);
  }
  const std::int64_t described =
      std::max({fused.x ? arrays.x : 0, fused.y ? arrays.y : 0, fused.w ? b.pairs : 0});
  layout.fused = place(fused.any() ? 1 : 0, static_cast<double>(fused_bytes(described)));
  layout.work = place(static_cast<std::int64_t>(work_bytes), 1);
  return layout;
}

Batches batches(const Numbers& numbers, const Geometry& g) {
  const double spectrum = spectrum_bytes(numbers, g), points = points_bytes(numbers, g);
  const double x = number(g.inputs() * parts_of(numbers, Operand::x)),
               y = number(g.outputs() * parts_of(numbers, Operand::y));
  const auto channels = number(std::max(g.inputs(), g.outputs()));
  const std::int64_t step = unit_step(g);
  const double unit = number(step) * (channels * points + (x + y) * spectrum);
  Batches result{.units = step * even_part(g.units() / step, batch_bytes() / unit),
                 .groups = g.groups,
                 .inputs = g.group_inputs,
                 .outputs = g.group_outputs};
  const double arrays =
      std::max(channels * number(result.units), batch_bytes() / (points + spectrum));
  result.pairs = even_part(g.pairs(), arrays);
  return result;
}

std::vector<Batches> smaller_batches(const Numbers& numbers, const Geometry& g) {
  const auto parts = [](std::int64_t all) {  // of one size: all, about half of it, ... , one
    std::vector<std::int64_t> result{all};
    while (result.back() > 1) result.push_back(divide_up(result.back(), 2));
    return result;
  };
  const Batches all = batches(numbers, g);
  const std::int64_t step = unit_step(g);
  std::vector<Batches> found;
  const auto add = [&](Batches b) {
    const ArrayCounts arrays = count_arrays(b);
    b.pairs = even_part(b.groups * b.inputs * b.outputs, number(std::max(arrays.x, arrays.y)));
    found.push_back(b);
  };
  for (const std::int64_t units : parts(all.units / step)) {
    for (const std::int64_t groups : parts(all.groups)) {
      add({units * step, groups, all.inputs, all.outputs});
    }
    for (const std::int64_t inputs : parts(all.inputs)) {
      for (const std::int64_t outputs : parts(all.outputs)) {
        add({units * step, 1, inputs, outputs});
      }
    }
  }
  const Batches least{.units = step};
  std::erase(found, least);
  std::vector<std::pair<double, Batches>> timed;
  for (const Batches& b : found) {
    timed.emplace_back(predict_us(reference_gpu_machine(), numbers, g, b), b);
  }
  std::ranges::stable_sort(timed, {}, &std::pair<double, Batches>::first);
  found.clear();
  for (const auto& [us, b] : timed) found.push_back(b);
  found.push_back(least);
  return found;
}

double predict_us(const GpuMachine& gpu, const Numbers& numbers, const Geometry& g,
                  const Batches& b, const FusedLoads& fused) {
  const Work work = work_of(numbers, g, b, fused);
  const ArrayCounts arrays = count_arrays(b);
  const double set = number(arrays.x + arrays.y) * 2 * number(g.points) * numbers.point();
  const double inside_rate =
      set <= number(gpu.l2_bytes) / 2 ? gpu.l2_bytes_per_us : gpu.moved_bytes_per_us();
  const DType sums = numbers.wide ? DType::f64 : DType::f32;
  return work.launches * gpu.launch_us + work.outside / gpu.moved_bytes_per_us() +
         work.inside / inside_rate + 4 * work.products / gpu.products_per_us(sums);
}

FusedLoads possible_fused(const Numbers& numbers, const Geometry& g) {
  // Points of a call are counted in 31 bits, in the largest of all batches.
  const ArrayCounts arrays = count_arrays(batches(numbers, g));
  const auto possible = [&](Operand operand, std::int64_t count) {
    return operand != result_of(numbers.pass) && number(count) * number(g.points) < 0x1p31 &&
           fused_refusal(g, operand).empty();
  };
  return {.x = possible(Operand::x, arrays.x),
          .w = numbers.pass != Pass::backward_filter && possible(Operand::w, arrays.w),
          .y = possible(Operand::y, arrays.y)};
}

FusedLoads choose_fused(const Numbers& numbers, const Geometry& g) {
  const GpuMachine& gpu = reference_gpu_machine();
  const Batches b = batches(numbers, g);
  const double plain = predict_us(gpu, numbers, g, b);
  const auto pays = [&](const FusedLoads& one) {
    return one.any() && plain - predict_us(gpu, numbers, g, b, one) >= gpu.launch_us;
  };
  FusedLoads fused = possible_fused(numbers, g);
  fused.x = pays({.x = fused.x});
  fused.w = pays({.w = fused.w});
  fused.y = pays({.y = fused.y});
  return fused;
}

}  // namespace faltung::cuda::fft
