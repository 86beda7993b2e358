// The moves of builds without Highway.

#include <cstdint>
#include <cstring>

#include "cpp/cpu/mean/transpose.hpp"

namespace faltung::mean {
namespace {

template <typename Unit>
void to_rows(const Unit* const* lines, std::int64_t count, std::int64_t length, Unit* rows,
             std::int64_t pitch) {
  for (std::int64_t j = 0; j < length; ++j) {
    for (std::int64_t l = 0; l < count; ++l) {
      std::memcpy(rows + j * pitch + l, lines[l] + j, sizeof(Unit));
    }
  }
}

template <typename Unit>
void to_lines(const Unit* rows, std::int64_t pitch, std::int64_t count, std::int64_t length,
              Unit* const* lines) {
  for (std::int64_t j = 0; j < length; ++j) {
    for (std::int64_t l = 0; l < count; ++l) {
      std::memcpy(lines[l] + j, rows + j * pitch + l, sizeof(Unit));
    }
  }
}

}  // namespace

template <typename Unit>
LinesToRows<Unit> lines_to_rows() {
  return to_rows<Unit>;
}
template <typename Unit>
RowsToLines<Unit> rows_to_lines() {
  return to_lines<Unit>;
}

#define FALTUNG_INSTANTIATE(Unit)                   \
  template LinesToRows<Unit> lines_to_rows<Unit>(); \
  template RowsToLines<Unit> rows_to_lines<Unit>();
FALTUNG_INSTANTIATE(std::uint8_t)
FALTUNG_INSTANTIATE(std::uint16_t)
FALTUNG_INSTANTIATE(std::uint32_t)
FALTUNG_INSTANTIATE(std::uint64_t)
FALTUNG_INSTANTIATE(Wide)
#undef FALTUNG_INSTANTIATE

}  // namespace faltung::mean
