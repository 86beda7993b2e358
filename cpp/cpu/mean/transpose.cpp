#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/mean/transpose.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpp/cpu/mean/transpose.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::mean::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of 16 bytes: as many lines as they have lanes make a square.
template <typename Unit>
constexpr std::int64_t square = HWY_TARGET == HWY_SCALAR ? 1 : 16 / sizeof(Unit);

#if HWY_TARGET != HWY_SCALAR
// Each step interleaves the first half with the second, a perfect shuffle; log2 of them transpose.
template <typename Unit, int n, class V>
HWY_INLINE void shuffle_square(V (&v)[n]) {
  const hn::FixedTag<Unit, n> d;
  HWY_UNROLL(4)
  for (int step = 1; step < n; step *= 2) {
    V next[n];
    HWY_UNROLL(8)
    for (int i = 0; i < n / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(d, v[i], v[i + n / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(d, v[i], v[i + n / 2]);
    }
    HWY_UNROLL(16)
    for (int i = 0; i < n; ++i) v[i] = next[i];
  }
}

// v[i] = load(i), transposed, then store(i, v[i]).
template <typename Unit, typename From, typename To>
HWY_INLINE void move_square(From&& from, To&& to) {
  constexpr int n = static_cast<int>(square<Unit>);
  if constexpr (n == 1) {
    std::memcpy(to(0), from(0), sizeof(Unit));
    return;
  } else {
    const hn::FixedTag<Unit, n> d;
    hn::Vec<decltype(d)> v[n];
    HWY_UNROLL(16)
    for (int i = 0; i < n; ++i) v[i] = hn::LoadU(d, from(i));
    shuffle_square<Unit, n>(v);
    HWY_UNROLL(16)
    for (int i = 0; i < n; ++i) hn::StoreU(v[i], d, to(i));
  }
}

#else
template <typename Unit, typename From, typename To>
void move_square(From&& from, To&& to) {
  std::memcpy(to(0), from(0), sizeof(Unit));
}
#endif

// Lines that are walked along together, a stream of memory each.
template <typename Unit>
constexpr std::int64_t together = std::max<std::int64_t>(8, square<Unit>);

// Calls whole(line, element) for squares and one(line, element) for what is left. A cache line's
// worth of elements is moved before the next lines are: in images whose lines are a power of two
// long they would drive it out of the cache.
template <typename Unit, typename Whole, typename One>
HWY_INLINE void for_each_square(std::int64_t count, std::int64_t length, Whole&& whole, One&& one) {
  constexpr std::int64_t n = square<Unit>, stretch = 64 / sizeof(Unit);
  for (std::int64_t group = 0; group < count; group += together<Unit>) {
    const std::int64_t end = std::min(group + together<Unit>, count);
    for (std::int64_t first = 0; first < length; first += stretch) {
      const std::int64_t last = std::min(first + stretch, length);
      std::int64_t l = group;
      for (; l + n <= end; l += n) {
        std::int64_t j = first;
        for (; j + n <= last; j += n) whole(l, j);
        for (; j < last; ++j) {
          for (std::int64_t i = 0; i < n; ++i) one(l + i, j);
        }
      }
      for (; l < end; ++l) {
        for (std::int64_t j = first; j < last; ++j) one(l, j);
      }
    }
  }
}

template <typename Unit>
void to_rows(const Unit* const* lines, std::int64_t count, std::int64_t length, Unit* rows,
             std::int64_t pitch) {
  const auto one = [&](std::int64_t l, std::int64_t j) {
    std::memcpy(rows + j * pitch + l, lines[l] + j, sizeof(Unit));
  };
  const auto whole = [&](std::int64_t l, std::int64_t j) {
    move_square<Unit>([&](int i) { return lines[l + i] + j; },
                      [&](int i) { return rows + (j + i) * pitch + l; });
  };
  for_each_square<Unit>(count, length, whole, one);
}

template <typename Unit>
void to_lines(const Unit* rows, std::int64_t pitch, std::int64_t count, std::int64_t length,
              Unit* const* lines) {
  const auto one = [&](std::int64_t l, std::int64_t j) {
    std::memcpy(lines[l] + j, rows + j * pitch + l, sizeof(Unit));
  };
  const auto whole = [&](std::int64_t l, std::int64_t j) {
    move_square<Unit>([&](int i) { return rows + (j + i) * pitch + l; },
                      [&](int i) { return lines[l + i] + j; });
  };
  for_each_square<Unit>(count, length, whole, one);
}

LinesToRows<std::uint8_t> rows_8() { return to_rows<std::uint8_t>; }
LinesToRows<std::uint16_t> rows_16() { return to_rows<std::uint16_t>; }
LinesToRows<std::uint32_t> rows_32() { return to_rows<std::uint32_t>; }
LinesToRows<std::uint64_t> rows_64() { return to_rows<std::uint64_t>; }
LinesToRows<Wide> rows_128() { return to_rows<Wide>; }
RowsToLines<std::uint8_t> lines_8() { return to_lines<std::uint8_t>; }
RowsToLines<std::uint16_t> lines_16() { return to_lines<std::uint16_t>; }
RowsToLines<std::uint32_t> lines_32() { return to_lines<std::uint32_t>; }
RowsToLines<std::uint64_t> lines_64() { return to_lines<std::uint64_t>; }
RowsToLines<Wide> lines_128() { return to_lines<Wide>; }

}  // namespace faltung::mean::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::mean {

#define FALTUNG_TRANSPOSE(Unit, bits)                              \
  HWY_EXPORT(rows_##bits);                                         \
  HWY_EXPORT(lines_##bits);                                        \
  template <>                                                      \
  LinesToRows<Unit> lines_to_rows() {                              \
    return HWY_DISPATCH_TABLE(rows_##bits)[cpu_target_index()]();  \
  }                                                                \
  template <>                                                      \
  RowsToLines<Unit> rows_to_lines() {                              \
    return HWY_DISPATCH_TABLE(lines_##bits)[cpu_target_index()](); \
  }
FALTUNG_TRANSPOSE(std::uint8_t, 8)
FALTUNG_TRANSPOSE(std::uint16_t, 16)
FALTUNG_TRANSPOSE(std::uint32_t, 32)
FALTUNG_TRANSPOSE(std::uint64_t, 64)
FALTUNG_TRANSPOSE(Wide, 128)
#undef FALTUNG_TRANSPOSE

}  // namespace faltung::mean
#endif
