#include "tests/cuda/standins/cublaslt_product.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include <faltung/half.hpp>

#include "cuda/primitives/memory.cuh"
#include "tests/cuda/standins/library_kernel.hpp"

namespace faltung::test {
namespace {

using cuda::Global;
using cuda::Vec;
using cuda::cublaslt::Compute;
using cuda::cublaslt::Finish;
using cuda::cublaslt::Layout;
using cuda::cublaslt::Operation;
using cuda::cublaslt::Status;
using cuda::cublaslt::Type;
namespace implementation = cuda::cublaslt::implementation;

// Elements of one matrix of a batch, column after column, as numbers that hold all of them.
std::vector<double> load(const void* data, const Layout& matrix, std::int64_t batch) {
  std::vector<double> values;
  visit_number(matrix.type, [&](auto zero) {
    using T = decltype(zero);
    // Not read-only: C may be D.
    const Global<T> from(const_cast<T*>(static_cast<const T*>(data)) + batch * matrix.step);
    for (std::uint64_t j = 0; j < matrix.columns; ++j) {
      for (std::uint64_t i = 0; i < matrix.rows; ++i) {
        const T value =
            from[static_cast<std::int64_t>(i) + static_cast<std::int64_t>(j) * matrix.leading];
        values.push_back(static_cast<double>(value));
      }
    }
  });
  return values;
}

void store(void* data, const Layout& matrix, std::int64_t batch,
           const std::vector<double>& values) {
  visit_number(matrix.type, [&](auto zero) {
    using T = decltype(zero);
    const Global<T> to(static_cast<T*>(data) + batch * matrix.step);
    std::size_t at = 0;
    for (std::uint64_t j = 0; j < matrix.columns; ++j) {
      for (std::uint64_t i = 0; i < matrix.rows; ++i) {
        const double value = values[at++];
        T element{};
        if constexpr (std::is_same_v<T, std::int32_t>) {  // sums of i32 wrap
          element = static_cast<T>(static_cast<std::uint32_t>(static_cast<std::int64_t>(value)));
        } else if constexpr (std::is_same_v<T, double>) {
          element = value;
        } else {
          element = T(static_cast<float>(value));
        }
        to[static_cast<std::int64_t>(i) + static_cast<std::int64_t>(j) * matrix.leading] = element;
      }
    }
  });
}

// op(matrix), transposed or not: element (row, column).
struct Factor {
  std::vector<double> values;
  std::uint64_t row_step, column_step;
  Factor(const void* data, const Layout& matrix, Operation operation, std::int64_t batch)
      : values(load(data, matrix, batch)),
        row_step(operation == Operation::plain ? 1 : matrix.rows),
        column_step(operation == Operation::plain ? matrix.rows : 1) {}
  // To the 10 bits of mantissa that tf32 has, as matrix instructions do.
  void cut() {
    for (double& value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
      value = std::bit_cast<float>(bits & 0xffffe000U);
    }
  }
  [[nodiscard]] const double* at(std::uint64_t row, std::uint64_t column) const {
    return values.data() + row * row_step + column * column_step;
  }
};

double number(const void* host, Type type) {
  return visit_number(type, [&](auto zero) {
    return static_cast<double>(*static_cast<const decltype(zero)*>(host));
  });
}

Layout bias_of(const Layout& d) {
  return {.type = d.type, .rows = d.rows, .columns = 1, .leading = static_cast<long>(d.rows)};
}

bool has_bias(Finish finish) { return finish == Finish::bias || finish == Finish::relu_bias; }
bool has_relu(Finish finish) { return finish == Finish::relu || finish == Finish::relu_bias; }

std::vector<double> multiply(const CublasltProduct& p, const Factor& a, const Factor& b) {
  const auto depth = static_cast<std::uint64_t>(p.depth());
  std::vector<double> sums;
  for (std::uint64_t j = 0; j < p.d.columns; ++j) {
    for (std::uint64_t i = 0; i < p.d.rows; ++i) {
      const double *left = a.at(i, 0), *right = b.at(0, j);
      double sum = 0;
      for (std::uint64_t k = 0; k < depth; ++k) {
        sum += left[k * a.column_step] * right[k * b.row_step];
      }
      sums.push_back(sum);
    }
  }
  return sums;
}

}  // namespace

std::size_t element_bytes(Type type) {
  return visit_number(type, [](auto zero) { return sizeof(zero); });
}

std::size_t span(const Layout& m) {
  if (m.rows == 0 || m.columns == 0 || m.batch == 0) return 0;
  const std::int64_t last = (m.batch - 1) * m.step +
                            static_cast<std::int64_t>(m.columns - 1) * m.leading +
                            static_cast<std::int64_t>(m.rows);
  return static_cast<std::size_t>(last) * element_bytes(m.type);
}

bool overlap_themselves(const Layout& m) {
  if (m.batch == 1) return false;
  const auto rows = static_cast<std::int64_t>(m.rows);
  const auto one = static_cast<std::int64_t>(m.columns - 1) * m.leading + rows;
  const bool behind = m.step >= one;
  const bool beside = m.step >= rows && (m.batch - 1) * m.step + rows <= m.leading;
  return !behind && !beside;
}

std::int64_t CublasltProduct::depth() const {
  return static_cast<std::int64_t>(how.a == Operation::plain ? a.columns : a.rows);
}

Status CublasltProduct::check() const {
  const bool plain_a = how.a == Operation::plain, plain_b = how.b == Operation::plain;
  const std::uint64_t depth_b = plain_b ? b.rows : b.columns;
  if ((plain_a ? a.rows : a.columns) != d.rows || (plain_b ? b.columns : b.rows) != d.columns ||
      static_cast<std::uint64_t>(depth()) != depth_b || c.rows != d.rows ||
      c.columns != d.columns || a.batch != d.batch || b.batch != d.batch || c.batch != d.batch ||
      d.batch < 1) {
    return Status::invalid_value;
  }
  if (a.type != b.type || c.type != d.type) return Status::not_supported;
  const bool half = a.type == Type::f16 || a.type == Type::bf16;
  if (half || a.type == Type::f32) {
    const bool cut = how.compute == Compute::tf32 && a.type == Type::f32;
    const bool sums = (how.compute == Compute::f32 || cut) && how.scale == Type::f32;
    const bool result = d.type == Type::f32 || (half && d.type == a.type);
    return sums && result ? Status::success : Status::not_supported;
  }
  if (how.finish != Finish::none) return Status::not_supported;
  if (a.type == Type::f64) {
    const bool sums = how.compute == Compute::f64 && how.scale == Type::f64;
    return sums && d.type == Type::f64 ? Status::success : Status::not_supported;
  }
  // Matrix instructions of i8 want rows of whole words, and the depth along them.
  const auto words = [](const Layout& m) {
    return m.rows % 4 == 0 && m.leading % 4 == 0 && m.step % 4 == 0;
  };
  const bool i8 = a.type == Type::i8 && how.compute == Compute::i32 && how.scale == Type::i32 &&
                  d.type == Type::i32 && !plain_a && plain_b && words(a) && words(b) && words(d);
  return i8 ? Status::success : Status::not_supported;
}

std::uint64_t CublasltProduct::implementation() const {
  switch (a.type) {
    case Type::f64:
      return implementation::fma | implementation::sums_f64 | implementation::of_f64;
    case Type::f16:
      return 2 | implementation::sums_f32 | implementation::of_f16;
    case Type::bf16:
      return 2 | implementation::sums_f32 | implementation::of_bf16;
    case Type::i8:
      return 4 | implementation::sums_i32 | implementation::of_i8;
    default:
      if (how.compute == Compute::tf32) {
        return 2 | implementation::sums_f32 | implementation::of_tf32;
      }
      return implementation::fma | implementation::sums_f32 | implementation::of_f32;
  }
}

// Source: Fowler, Noll, Vo: FNV-1a.
std::uint64_t CublasltProduct::key() const {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte, value >>= 8) {
      hash = (hash ^ (value & 0xff)) * 0x100000001b3;
    }
  };
  for (const Layout* m : {&a, &b, &c, &d}) {
    add(static_cast<std::uint64_t>(m->type));
    add(m->rows);
    add(m->columns);
    add(static_cast<std::uint64_t>(m->leading));
    add(static_cast<std::uint64_t>(m->batch));
    add(static_cast<std::uint64_t>(m->step));
  }
  for (const int part :
       {static_cast<int>(how.compute), static_cast<int>(how.scale), static_cast<int>(how.a),
        static_cast<int>(how.b), static_cast<int>(how.finish)}) {
    add(static_cast<std::uint64_t>(part));
  }
  return hash;
}

void CublasltProduct::load() { load_library_kernel({.registers = 128, .max_threads = 384}); }

void CublasltProduct::run(const void* alpha, const void* a_data, const void* b_data,
                          const void* beta, const void* c_data, void* d_data, void* workspace,
                          std::size_t workspace_bytes, cudaStream_t stream) const {
  const double scale = number(alpha, how.scale), keep = number(beta, how.scale);
  const auto compute = [&] {
    std::vector<std::vector<double>> all;
    for (std::int64_t batch = 0; batch < d.batch; ++batch) {
      Factor left(a_data, a, how.a, batch), right(b_data, b, how.b, batch);
      if (how.compute == Compute::tf32) {
        for (Factor* factor : {&left, &right}) factor->cut();
      }
      auto values = multiply(*this, left, right);
      for (double& value : values) value *= scale;
      if (keep != 0) {
        const auto old = ::faltung::test::load(c_data, c, batch);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += keep * old[i];
      }
      if (has_bias(how.finish)) {
        const auto bias = ::faltung::test::load(how.bias, bias_of(d), 0);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += bias[i % d.rows];
      }
      if (has_relu(how.finish)) {
        // NaN becomes 0: reported in forums.developer.nvidia.com/t/329783.
        for (double& value : values) value = value > 0 ? value : 0;
      }
      all.push_back(std::move(values));
    }
    for (std::int64_t batch = 0; batch < d.batch; ++batch) {
      store(d_data, d, batch, all[static_cast<std::size_t>(batch)]);
    }
    const Global<float> area(static_cast<float*>(workspace));
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t i = 0; i < workspace_bytes / 16; ++i) {
      area.template store<4>(static_cast<std::int64_t>(4 * i), Vec<float, 4>{{nan, nan, nan, nan}});
    }
  };
  launch_library_kernel("cublaslt", stream, compute);
}

}  // namespace faltung::test
