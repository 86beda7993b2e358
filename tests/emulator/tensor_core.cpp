#include "tests/emulator/tensor_core.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <faltung/half.hpp>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/memory_checker.hpp"

namespace faltung::emulator {
namespace {

/// high + low as a float, towards zero.
float cut_off(double high, double low) {
  const double sum = std::isfinite(high) ? high + low : high;
  const auto nearest = static_cast<float>(sum);
  if (!std::isfinite(nearest)) return nearest;
  const double rest = (sum - nearest) + (low - (sum - high));
  const bool too_far = (nearest > 0 && rest < 0) || (nearest < 0 && rest > 0);
  return too_far ? std::nextafter(nearest, 0.0f) : nearest;
}

/// The fragments of mma.sync. With g = lane / 4 and t = lane % 4, register r of A holds row
/// g + 8 (r % 2) and, of B, column g; both hold the elements of one group of K: four registers'
/// worth for the first half of K, then the second half.
struct MmaArguments {
  MatrixType a_type, b_type;
  void* d;
  const void* a;
  const void* b;
};

constexpr int columns = 8;

/// Element (row, k) of A, gathered from the lanes.
double a_element(const Rendezvous& meeting, MatrixType type, int row, int k) {
  const int per_register = 4 / static_cast<int>(element_bytes(type));
  const int half = k / (4 * per_register);
  const int lane = row % 8 * 4 + k / per_register % 4;
  const int index = row / 8 + 2 * half;
  const auto& arguments =
      *static_cast<const MmaArguments*>(meeting.arguments[static_cast<std::size_t>(lane)]);
  return decode_element(type, static_cast<const std::byte*>(arguments.a) + index * 4 +
                                  k % per_register * static_cast<int>(element_bytes(type)));
}

double b_element(const Rendezvous& meeting, MatrixType type, int k, int column) {
  const int per_register = 4 / static_cast<int>(element_bytes(type));
  const int lane = column * 4 + k / per_register % 4;
  const auto& arguments =
      *static_cast<const MmaArguments*>(meeting.arguments[static_cast<std::size_t>(lane)]);
  return decode_element(type, static_cast<const std::byte*>(arguments.b) +
                                  k / (4 * per_register) * 4 +
                                  k % per_register * static_cast<int>(element_bytes(type)));
}

/// Where the lanes keep element (row, column) of D.
template <typename T>
T& d_element(const Rendezvous& meeting, int row, int column) {
  const auto lane = static_cast<std::size_t>(row % 8 * 4 + column / 2);
  const auto& arguments = *static_cast<const MmaArguments*>(meeting.arguments[lane]);
  return static_cast<T*>(arguments.d)[row / 8 * 2 + column % 2];
}

void mma_f64(Rendezvous& meeting) {
  const auto value = [&](int lane, bool of_a) {
    const auto& arguments =
        *static_cast<const MmaArguments*>(meeting.arguments[static_cast<std::size_t>(lane)]);
    return *static_cast<const double*>(of_a ? arguments.a : arguments.b);
  };
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < columns; ++column) {
      double& d = d_element<double>(meeting, row, column);
      for (int k = 0; k < 4; ++k) {
        d = std::fma(value(row * 4 + k, true), value(column * 4 + k, false), d);
      }
    }
  }
}

void mma_16_rows(Rendezvous& meeting) {
  const auto& first = *static_cast<const MmaArguments*>(meeting.arguments[0]);
  const int depth = instruction_k(first.a_type);
  const bool integer = first.a_type == MatrixType::s8 || first.a_type == MatrixType::u8;
  std::array<double, 32> a{};
  std::array<double, 32 * columns> b{};
  for (int k = 0; k < depth; ++k) {
    for (int column = 0; column < columns; ++column) {
      b[static_cast<std::size_t>(k * columns + column)] =
          b_element(meeting, first.b_type, k, column);
    }
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < depth; ++k) {
      a[static_cast<std::size_t>(k)] = a_element(meeting, first.a_type, row, k);
    }
    std::array<float, columns> sums{};
    for (int column = 0; column < columns; ++column) {
      if (integer) {
        std::int64_t sum = d_element<int>(meeting, row, column);
        for (int k = 0; k < depth; ++k) {
          sum += static_cast<std::int64_t>(a[static_cast<std::size_t>(k)] *
                                           b[static_cast<std::size_t>(k * columns + column)]);
        }
        d_element<int>(meeting, row, column) = static_cast<int>(sum);
      } else {
        sums[static_cast<std::size_t>(column)] = d_element<float>(meeting, row, column);
      }
    }
    if (integer) continue;
    multiply_row(sums.data(), a.data(), b.data(), depth, columns);
    for (int column = 0; column < columns; ++column) {
      d_element<float>(meeting, row, column) = sums[static_cast<std::size_t>(column)];
    }
  }
}

}  // namespace

std::size_t element_bytes(MatrixType type) {
  switch (type) {
    case MatrixType::s8:
    case MatrixType::u8:
      return 1;
    case MatrixType::f16:
    case MatrixType::bf16:
      return 2;
    case MatrixType::tf32:
    case MatrixType::f32:
      return 4;
    case MatrixType::f64:
      return 8;
  }
  return 0;
}

int instruction_k(MatrixType type) {
  return type == MatrixType::f64 ? 4 : 32 / static_cast<int>(element_bytes(type));
}

double decode_element(MatrixType type, const void* element) {
  const auto as = [&](auto value) {
    std::memcpy(&value, element, sizeof value);
    return value;
  };
  switch (type) {
    case MatrixType::s8:
      return as(std::int8_t{});
    case MatrixType::u8:
      return as(std::uint8_t{});
    case MatrixType::f16:
      return static_cast<float>(as(Half{}));
    case MatrixType::bf16:
      return static_cast<float>(as(BFloat16{}));
    case MatrixType::tf32:
      return std::bit_cast<float>(as(std::uint32_t{}) & 0xffffe000u);
    case MatrixType::f32:
      return as(0.0f);
    case MatrixType::f64:
      return as(0.0);
  }
  return 0;
}

void multiply_row(float* d, const double* a, const double* b, int k, int n) {
  constexpr int widest = 256;
  std::array<double, widest> high{};
  std::array<double, widest> low{};
  std::copy_n(d, n, high.begin());
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < n; ++j) {
      // Knuth's TwoSum; a product of two elements is exact in double.
      const auto at = static_cast<std::size_t>(j);
      const double product = a[i] * b[i * n + j];
      const double sum = high[at] + product;
      const double part = sum - high[at];
      low[at] += (high[at] - (sum - part)) + (product - part);
      high[at] = sum;
    }
  }
  for (int j = 0; j < n; ++j) {
    d[j] = cut_off(high[static_cast<std::size_t>(j)], low[static_cast<std::size_t>(j)]);
  }
}

[[gnu::noinline]] void mma(MatrixType a_type, MatrixType b_type, void* d, const void* a,
                           const void* b) {
  const Where where = Where::at(__builtin_return_address(0));
  MmaArguments arguments{a_type, b_type, d, a, b};
  meet_warp(
      "mma", &arguments,
      [](Rendezvous& meeting) {
        const auto& first = *static_cast<const MmaArguments*>(meeting.arguments[0]);
        const bool doubles = first.a_type == MatrixType::f64;
        doubles ? mma_f64(meeting) : mma_16_rows(meeting);
        Counters& counters = execution().counters;
        ++counters.tensor_instructions;
        counters.tensor_multiply_adds +=
            static_cast<std::uint64_t>((doubles ? 8 : 16) * columns * instruction_k(first.a_type));
      },
      where);
}

namespace {

struct MatrixArguments {
  std::uint32_t* fragment;
  std::byte* row;
  int count;
  bool transpose;
};

/// The 16-bit element that lane `lane` keeps in half `half` of register `matrix`.
std::byte* matrix_element(const Rendezvous& meeting, const MatrixArguments& any, int matrix,
                          int lane, int half) {
  int row = lane / 4;
  int column = lane % 4 * 2 + half;
  if (any.transpose) std::swap(row, column);
  const auto holder = static_cast<std::size_t>(matrix * 8 + row);
  return static_cast<const MatrixArguments*>(meeting.arguments[holder])->row + column * 2;
}

template <bool store>
void move_matrices(Rendezvous& meeting) {
  const auto& any = *static_cast<const MatrixArguments*>(meeting.arguments[0]);
  for (int lane = 0; lane < 32; ++lane) {
    const auto& mine =
        *static_cast<const MatrixArguments*>(meeting.arguments[static_cast<std::size_t>(lane)]);
    for (int matrix = 0; matrix < any.count; ++matrix) {
      for (int half = 0; half < 2; ++half) {
        std::byte* memory = matrix_element(meeting, any, matrix, lane, half);
        auto* element = reinterpret_cast<std::byte*>(mine.fragment + matrix) + half * 2;
        std::memcpy(store ? memory : element, store ? element : memory, 2);
      }
    }
  }
}

/// Lanes whose address is used access their row, which is what the checks see.
void check_row(Access kind, int count, const void* row, const Bounds& bounds,
               const CallSite& site) {
  if (self().lane >= count * 8) return;
  const Where where = Where::at(site.instruction);
  check_shared_range(kind, row, 16, bounds, where);
  check_alignment(row, 16, "shared", where);
  Execution& run = execution();
  run.shared_shadow().access(kind, run.shared_offset(row), 16, where);
  log_request(site, true, kind, row, 16);
}

}  // namespace

[[gnu::noinline]] void load_matrix(std::uint32_t* fragment, int count, bool transpose,
                                   const void* row, const Bounds& bounds) {
  const CallSite site = call_site();
  check_row(Access::read, count, row, bounds, site);
  MatrixArguments arguments{fragment, static_cast<std::byte*>(const_cast<void*>(row)), count,
                            transpose};
  meet_warp("ldmatrix", &arguments, move_matrices<false>, Where::at(site.instruction));
}

[[gnu::noinline]] void store_matrix(const std::uint32_t* fragment, int count, bool transpose,
                                    void* row, const Bounds& bounds) {
  require_capability(9, "stmatrix");
  const CallSite site = call_site();
  check_row(Access::write, count, row, bounds, site);
  MatrixArguments arguments{const_cast<std::uint32_t*>(fragment), static_cast<std::byte*>(row),
                            count, transpose};
  meet_warp("stmatrix", &arguments, move_matrices<true>, Where::at(site.instruction));
}

}  // namespace faltung::emulator
