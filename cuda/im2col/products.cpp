#include "cuda/im2col/products.hpp"

#include "cuda/im2col/im2col_lowering.hpp"

namespace faltung::cuda::im2col {
namespace {

using cublaslt::Type;

std::int64_t bytes_of(Type type) {
  switch (type) {
    case Type::f64:
      return 8;
    case Type::f16:
    case Type::bf16:
      return 2;
    case Type::i8:
      return 1;
    default:
      return 4;
  }
}

// How the products of a chunk are counted: in batches, and one batch after the other.
struct Counting {
  std::int64_t positions = 1;  // of one product
  Steps batch, loop;
};

Counting count(const Call& call, const Operands& o, const Chunk& chunk) {
  const bool gradient = call.problem.pass == Pass::backward_filter;
  const Steps groups{call.geometry.groups, o.x.side.group, o.y.side.group, o.w.side.group};
  const Steps images{chunk.images, o.x.side.image, o.y.side.image, 0};
  const auto merged = [&](const Side& side) {
    return chunk.images == 1 || (side.image == chunk.outputs * side.position &&
                                 (call.geometry.rows_fastest || side.leading >= chunk.positions()));
  };
  if (merged(o.x.side) && merged(o.y.side)) return {chunk.positions(), groups, {}};
  // Sums over images are added one after the other.
  if (gradient || groups.count >= images.count) return {chunk.outputs, groups, images};
  return {chunk.outputs, images, groups};
}

// The largest power of two that divides all places where a product finds this operand.
std::uint32_t alignment(const Operand& o, const Cut& cut, std::int64_t loop, std::int64_t batch,
                        bool promised) {
  const std::int64_t bytes = bytes_of(o.type);
  std::int64_t all = o.in_place ? (promised ? 16 : bytes) : 256;
  all |= loop * bytes | batch * bytes;
  if (o.in_place) {
    all |= o.side.image * bytes;
    all |= cut.outputs * o.side.position * bytes;
  }
  return static_cast<std::uint32_t>(all & -all);
}

ProductShape shape(const Call& call, const Operands& o, const Counting& counting, bool promised) {
  const bool gradient = call.problem.pass == Pass::backward_filter;
  const bool rows = call.geometry.rows_fastest;
  // Those of i8 that are summed are whole words: zeros follow.
  const std::int64_t positions = gradient && call.factors == DType::i8
                                     ? padded_positions(counting.positions)
                                     : counting.positions + columns_of_ones(call.problem);
  const auto matrix = [&](const Operand& operand, std::int64_t fast, std::int64_t slow,
                          std::int64_t loop, std::int64_t batch) {
    return MatrixShape{operand.type, fast,
                       slow,         operand.side.leading,
                       batch,        alignment(operand, call.cut, loop, batch, promised)};
  };
  const auto sided = [&](const Operand& operand, std::int64_t channels, std::int64_t loop,
                         std::int64_t batch) {
    return rows ? matrix(operand, channels, positions, loop, batch)
                : matrix(operand, positions, channels, loop, batch);
  };
  const MatrixShape x = sided(o.x, o.depth, counting.loop.x, counting.batch.x);
  const MatrixShape y = sided(o.y, o.outputs, counting.loop.y, counting.batch.y);
  const std::int64_t w_fast = call.gathers ? o.outputs : o.depth;
  const std::int64_t w_slow = call.gathers ? o.depth : o.outputs;
  const MatrixShape w = matrix(o.w, w_fast, w_slow, counting.loop.w, counting.batch.w);
  ProductShape product;
  product.tf32 = cuts_factors(call.problem, call.factors);
  product.batch = static_cast<std::int32_t>(counting.batch.count);
  if (gradient) {
    product.a = x;
    product.b = y;
    product.d = w;
    product.transpose_a = !rows;
    product.transpose_b = rows;
  } else {
    product.a = rows ? w : x;
    product.b = rows ? x : w;
    product.d = y;
    product.transpose_a = rows && !call.gathers;
    product.transpose_b = !rows && call.gathers;
    if (call.cut.adds_bias) product.finish = cublaslt::Finish::bias;
  }
  return product;
}

}  // namespace

Type library_type(DType type) {
  switch (type) {
    case DType::f64:
    case DType::c128:
      return Type::f64;
    case DType::f16:
      return Type::f16;
    case DType::bf16:
      return Type::bf16;
    case DType::i8:
      return Type::i8;
    case DType::i32:
      return Type::i32;
    default:
      return Type::f32;
  }
}

ChunkProducts::ChunkProducts(const Call& call, const Operands& operands, const Chunk& chunk,
                             bool promised)
    : gradient_(call.problem.pass == Pass::backward_filter),
      rows_(call.geometry.rows_fastest),
      loop_(count(call, operands, chunk).loop),
      x_bytes_(bytes_of(operands.x.type)),
      y_bytes_(bytes_of(operands.y.type)),
      w_bytes_(bytes_of(operands.w.type)),
      product_(shape(call, operands, count(call, operands, chunk), promised), call.product_bytes) {}

void ChunkProducts::run(cudaStream_t stream, const std::byte* x, std::byte* y, std::byte* w,
                        bool add, void* workspace, const void* bias) const {
  for (std::int64_t i = 0; i < loop_.count; ++i) {
    const std::byte* const x_i = x + i * loop_.x * x_bytes_;
    std::byte* const y_i = y + i * loop_.y * y_bytes_;
    std::byte* const w_i = w + i * loop_.w * w_bytes_;
    if (gradient_) {
      product_.run(stream, x_i, y_i, w_i, add || i > 0, workspace);
    } else {
      // The columns come second where y lies in rows.
      product_.run(stream, rows_ ? w_i : x_i, rows_ ? x_i : w_i, y_i, false, workspace, bias);
    }
  }
}

}  // namespace faltung::cuda::im2col
