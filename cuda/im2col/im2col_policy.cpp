#include "cuda/im2col/im2col_policy.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace faltung::cuda::im2col {
namespace {

constexpr std::int64_t max_positions = std::int64_t{1} << 30;  // a matrix has less than 2^31 rows

constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Between outputs as they count through, if that is one number; `alone` if there is one output.
std::optional<std::int64_t> step_of(const Geometry& g, std::int64_t AxisGeometry::*stride,
                                    std::int64_t alone) {
  std::optional<std::int64_t> step;
  std::int64_t inner = 1;  // outputs of the axes behind
  for (int i = max_rank; i-- > 0;) {
    const AxisGeometry& axis = g.axis[i];
    if (axis.output == 1) continue;
    if (!step) {
      step = axis.*stride;
    } else if (axis.*stride != *step * inner) {
      return std::nullopt;
    }
    inner *= axis.output;
  }
  return step ? step : alone;
}

// Whether rows and columns lie apart and in order, as a matrix has them.
bool is_matrix(const Geometry& g, const Side& side, std::int64_t channels, std::int64_t channel) {
  if (g.outer_count != 1 || side.image < 0) return false;
  if (g.rows_fastest) {
    return (channel == 1 || channels * g.groups == 1) && side.leading >= channels &&
           side.leading == side.position;
  }
  return side.position == 1 && side.leading >= g.outputs();
}

Side side_of(const Geometry& g, std::int64_t channels, std::int64_t channel,
             std::int64_t AxisGeometry::*stride, std::int64_t OuterAxis::*image) {
  Side side{.group = channels * channel, .image = g.outer[0].*image};
  const bool batch = g.images() > 1;
  if (g.rows_fastest) {
    const std::int64_t alone = batch ? side.image : channels * g.groups;
    side.position = step_of(g, stride, alone).value_or(-1);
    side.leading = side.position;
  } else {
    side.position = step_of(g, stride, 1).value_or(-1);
    // A single row may be as long as it likes.
    side.leading = channels == 1 ? g.images() * g.outputs() : channel;
  }
  return side;
}

bool x_is_columns(const Geometry& g) {
  for (const AxisGeometry& axis : g.axis) {
    if (axis.filter != 1 || axis.stride != 1 || axis.input_dilation != 1 || axis.pad_lo != 0 ||
        axis.output != axis.input) {
      return false;
    }
  }
  return is_matrix(g, side_of_x(g), g.group_inputs, g.x_channel);
}

// Whether the taps of an output channel lie as rows of the columns do.
bool w_is_matrix(const Geometry& g) {
  if (g.group_outputs > 1 && g.w_output < g.depth()) return false;
  if (g.groups > 1 && g.w_group < 0) return false;
  if (g.group_inputs > 1 && g.w_input != g.row(1, 0)) return false;
  std::int64_t step = g.channel_fastest ? g.group_inputs : 1;
  for (int i = max_rank; i-- > 0;) {
    if (g.axis[i].filter > 1 && g.axis[i].w_stride != step) return false;
    step *= g.axis[i].filter;
  }
  return true;
}

bool is_half(DType type) { return type == DType::f16 || type == DType::bf16; }

// Whether a product stores elements of this type.
bool stores(DType factors, DType result) {
  return result == factors || (is_half(factors) && result == DType::f32);
}

// Bytes of the copies of one column, of all groups.
std::int64_t column_bytes(const Problem& p, const Geometry& g, DType factors, const Cut& cut) {
  std::int64_t bytes = 0;
  const auto size = static_cast<std::int64_t>(size_of(factors));
  if (!cut.x_in_place) bytes += g.groups * g.depth() * size;
  if (!cut.y_in_place) {
    const bool sums = p.pass != Pass::backward_filter;
    bytes += g.groups * g.group_outputs *
             (sums ? static_cast<std::int64_t>(size_of(p.accumulator)) : size);
  }
  return bytes;
}

void cut_columns(Cut& cut, const Geometry& g, std::int64_t bytes, std::int64_t limit) {
  const std::int64_t fitting = bytes == 0 ? max_positions : limit / bytes;
  const std::int64_t max = std::clamp<std::int64_t>(fitting, 1, max_positions);
  const std::int64_t outputs = g.outputs(), images = g.images();
  if (max >= outputs) {
    const std::int64_t chunks = ceil_divide(images, std::min(images, max / outputs));
    cut.images = ceil_divide(images, chunks);
    cut.outputs = outputs;
    return;
  }
  constexpr std::int64_t tile = 64;  // chunks begin at whole vectors, and fill a product's tiles
  const std::int64_t chunks = ceil_divide(outputs, std::max(tile, max / tile * tile));
  cut.images = 1;
  cut.outputs = std::min(outputs, ceil_divide(ceil_divide(outputs, chunks), tile) * tile);
}

}  // namespace

Side side_of_x(const Geometry& g) {
  return side_of(g, g.group_inputs, g.x_channel, &AxisGeometry::x_stride, &OuterAxis::x_stride);
}
Side side_of_y(const Geometry& g) {
  return side_of(g, g.group_outputs, g.y_channel, &AxisGeometry::y_stride, &OuterAxis::y_stride);
}

Cut cut(const Problem& p, const Geometry& g, DType factors, std::int64_t columns_bytes,
        bool offers_bias) {
  Cut cut;
  Epilogue epilogue = p.epilogue;
  // Matrices of integers have zeros around them, and filters of complex numbers two rows for each.
  const bool copied = factors == DType::i8 || is_complex(factors);
  if (p.pass == Pass::backward_filter) {
    // Images side by side make one long product; tensors that are not so are copied.
    const bool single = g.images() == 1 || g.rows_fastest;
    const auto beside = [&](const Side& side) {
      return g.images() == 1 || side.image == g.outputs() * side.position;
    };
    cut.x_in_place =
        !copied && single && p.input == factors && x_is_columns(g) && beside(side_of_x(g));
    cut.y_in_place = !copied && single && p.output == factors && beside(side_of_y(g)) &&
                     is_matrix(g, side_of_y(g), g.group_outputs, g.y_channel);
    cut.w_in_place =
        !copied && p.filter == p.accumulator && epilogue == Epilogue{} && w_is_matrix(g);
  } else {
    const DType x = p.pass == Pass::forward ? p.input : p.output;
    cut.x_in_place = !copied && x == factors && x_is_columns(g);
    cut.w_in_place = !copied && p.filter == factors && w_is_matrix(g);
    cut.y_in_place = !copied && stores(factors, p.result_dtype()) &&
                     is_matrix(g, side_of_y(g), g.group_outputs, g.y_channel);
    // The library's bias is one for each row of its result, in its type, rounded with the sum: for
    // f32 that is what our store does. Its relu makes 0 of NaN: docs/engines/cuda-im2col.md.
    cut.adds_bias = offers_bias && cut.y_in_place && epilogue.bias && g.rows_fastest &&
                    g.groups == 1 && p.result_dtype() == p.accumulator;
    if (cut.adds_bias) epilogue.bias = false;
    if (epilogue != Epilogue{}) cut.y_in_place = cut.adds_bias = false;
  }
  cut_columns(cut, g, column_bytes(p, g, factors, cut), columns_bytes);
  return cut;
}

namespace {

// Products a microsecond of matrix instructions, or of what else there is.
double product_rate(const GpuMachine& gpu, DType factors, bool tf32) {
  const double tensor = gpu.multiprocessors() * gpu.clock_mhz * gpu.mma_products;
  if (tf32) return tensor / 2;  // data sheets: half that of f16
  if (is_half(factors)) return tensor;
  if (factors == DType::i8) return 2 * tensor;  // data sheets: twice that of f16 since sm_80
  // Matrix instructions of f64 are twice as fast as lanes on sm_80 and sm_90: data sheets of A100
  // and H100.
  const bool doubled = gpu.limits.minor == 0 && (gpu.limits.major == 8 || gpu.limits.major == 9);
  const bool wide = factors == DType::f64 || factors == DType::c128;
  const double rate = gpu.products_per_us(wide ? DType::f64 : DType::f32);
  const double real = wide && doubled ? 2 * rate : rate;
  return is_complex(factors) ? real / 4 : real;
}

}  // namespace

Cut cut_scattering(const Problem& p, const Geometry& g, const Geometry& forward, DType factors,
                   std::int64_t columns_bytes) {
  Cut cut;
  cut.x_in_place = p.output == factors && x_is_columns(g);
  cut.w_in_place = p.filter == factors && w_is_matrix(forward);
  cut_columns(cut, g, column_bytes(p, g, factors, cut), columns_bytes);
  cut.outputs = g.outputs();
  return cut;
}

std::int64_t chunk_count(const Geometry& g, const Cut& cut) {
  return ceil_divide(g.images(), cut.images) * ceil_divide(g.outputs(), cut.outputs);
}

double predict_us(const GpuMachine& gpu, const Problem& p, const Geometry& g, const Cut& cut,
                  DType factors) {
  const bool gradient = p.pass == Pass::backward_filter;
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  const auto chunks = number(chunk_count(g, cut));
  const double copies = (cut.x_in_place ? 0 : 1) + (cut.y_in_place ? 0 : 1);
  const double launches = chunks * (1 + copies) + (cut.w_in_place ? 0 : 1);
  // Copies are written and read, and each of their elements is read from where it stands.
  const double inside =
      3 * number(g.images()) * number(g.outputs()) * number(column_bytes(p, g, factors, cut));
  // Kernels of the library compute tiles of 64 x 64 at least.
  const auto whole = [](double count) { return 64 * std::ceil(count / 64); };
  const double columns = number(g.images()) * number(g.outputs());
  const double depth = number(g.depth()), outputs = number(g.group_outputs);
  const double products = number(g.groups) * (gradient ? columns * whole(depth) * whole(outputs)
                                                       : whole(columns) * depth * whole(outputs));
  return launches * gpu.launch_us + p.bytes() / gpu.moved_bytes_per_us() +
         inside / gpu.l2_bytes_per_us +
         products / product_rate(gpu, factors, cuts_factors(p, factors));
}

}  // namespace faltung::cuda::im2col
