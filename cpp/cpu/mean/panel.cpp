#include "cpp/cpu/mean/panel.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpp/core/boundary_map.hpp"
#include "cpp/cpu/mean/transpose.hpp"

namespace faltung::mean {
namespace {

// Calls f with a value of the type in which elements of so many bytes are moved.
template <typename F>
void visit_unit(std::int64_t unit, F&& f) {
  switch (unit) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(std::uint64_t{});
    default:
      return f(Wide{});
  }
}

// One row: element `at` of every line.
template <typename Unit>
void gather_row(const Lines& lines, const std::byte* const* elements, std::int64_t at,
                std::byte* row) {
  const std::int64_t offset = at * lines.step;
  if (lines.adjoin) {
    std::memcpy(row, elements[0] + offset, static_cast<std::size_t>(lines.count) * sizeof(Unit));
    return;
  }
  for (std::int64_t l = 0; l < lines.count; ++l) {
    std::memcpy(row + l * static_cast<std::int64_t>(sizeof(Unit)), elements[l] + offset,
                sizeof(Unit));
  }
}

// Rows of elements that there are.
template <typename Unit>
void gather_rows(const Lines& lines, const std::byte* const* elements, std::int64_t first,
                 std::int64_t rows, std::byte* panel, std::int64_t pitch) {
  constexpr auto unit = static_cast<std::int64_t>(sizeof(Unit));
  if (lines.count == 1 && lines.step == unit && pitch == unit) {
    std::memcpy(panel, elements[0] + first * unit, static_cast<std::size_t>(rows * unit));
  } else if (lines.adjoin || lines.step != unit) {
    for (std::int64_t j = 0; j < rows; ++j) {
      gather_row<Unit>(lines, elements, first + j, panel + j * pitch);
    }
  } else {
    constexpr std::int64_t max = 64;
    const Unit* starts[max];
    for (std::int64_t l = 0; l < lines.count; l += max) {
      const std::int64_t count = std::min(max, lines.count - l);
      for (std::int64_t i = 0; i < count; ++i) {
        starts[i] = reinterpret_cast<const Unit*>(elements[l + i] + first * unit);
      }
      lines_to_rows<Unit>()(starts, count, rows, reinterpret_cast<Unit*>(panel + l * unit),
                            pitch / unit);
    }
  }
}

template <typename Unit>
void fill_row(const std::byte* constant, std::int64_t count, std::byte* row) {
  for (std::int64_t l = 0; l < count; ++l) {
    std::memcpy(row + l * static_cast<std::int64_t>(sizeof(Unit)), constant, sizeof(Unit));
  }
}

template <typename Unit>
void gather_as(const Lines& lines, const std::byte* const* elements, const Extension& extension,
               std::int64_t first, std::int64_t rows, std::byte* panel, std::int64_t pitch) {
  const std::int64_t used = lines.count * lines.unit;
  const std::int64_t extent = extension.extent;
  // The rows of elements that there are; others may repeat one of them.
  const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, rows);
  const std::int64_t end = first >= extent ? begin : std::clamp(extent - first, begin, rows);
  gather_rows<Unit>(lines, elements, first + begin, end - begin, panel + begin * pitch, pitch);
  const auto frame = [&](std::int64_t j) {
    std::byte* const row = panel + j * pitch;
    const std::int64_t at = extend_index(extension.kind, first + j, extent);
    if (at == outside) {
      fill_row<Unit>(extension.constant, lines.count, row);
    } else if (at - first >= begin && at - first < end) {
      std::memcpy(row, panel + (at - first) * pitch, static_cast<std::size_t>(used));
    } else {
      gather_row<Unit>(lines, elements, at, row);
    }
  };
  for (std::int64_t j = 0; j < begin; ++j) frame(j);
  for (std::int64_t j = end; j < rows; ++j) frame(j);
  if (used == pitch) return;
  for (std::int64_t j = 0; j < rows; ++j) {
    std::memset(panel + j * pitch + used, 0, static_cast<std::size_t>(pitch - used));
  }
}

template <typename Unit>
void scatter_as(const std::byte* panel, std::int64_t pitch, std::int64_t rows, const Lines& lines,
                std::byte* const* elements) {
  constexpr auto unit = static_cast<std::int64_t>(sizeof(Unit));
  if (lines.adjoin) {
    for (std::int64_t j = 0; j < rows; ++j) {
      std::memcpy(elements[0] + j * lines.step, panel + j * pitch,
                  static_cast<std::size_t>(lines.count) * sizeof(Unit));
    }
  } else if (lines.step == unit) {
    constexpr std::int64_t max = 64;
    Unit* starts[max];
    for (std::int64_t l = 0; l < lines.count; l += max) {
      const std::int64_t count = std::min(max, lines.count - l);
      for (std::int64_t i = 0; i < count; ++i) {
        starts[i] = reinterpret_cast<Unit*>(elements[l + i]);
      }
      rows_to_lines<Unit>()(reinterpret_cast<const Unit*>(panel + l * unit), pitch / unit, count,
                            rows, starts);
    }
  } else {
    for (std::int64_t j = 0; j < rows; ++j) {
      for (std::int64_t l = 0; l < lines.count; ++l) {
        std::memcpy(elements[l] + j * lines.step, panel + j * pitch + l * unit, sizeof(Unit));
      }
    }
  }
}

}  // namespace

void gather(const Lines& lines, const std::byte* const* elements, const Extension& extension,
            std::int64_t first, std::int64_t rows, std::byte* panel, std::int64_t pitch) {
  visit_unit(lines.unit, [&](auto unit) {
    gather_as<decltype(unit)>(lines, elements, extension, first, rows, panel, pitch);
  });
}

void scatter(const std::byte* panel, std::int64_t pitch, std::int64_t rows, const Lines& lines,
             std::byte* const* elements) {
  visit_unit(lines.unit,
             [&](auto unit) { scatter_as<decltype(unit)>(panel, pitch, rows, lines, elements); });
}

}  // namespace faltung::mean
