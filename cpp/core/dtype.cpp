#include <faltung/dtype.hpp>

namespace faltung {

std::string_view name(DType type) noexcept {
  constexpr std::string_view names[] = {"f16", "bf16", "f32", "f64", "c64", "c128", "i8",
                                        "u8",  "i16",  "u16", "i32", "u32", "i64",  "u64"};
  return names[static_cast<std::size_t>(type)];
}

std::optional<DType> parse_dtype(std::string_view text) noexcept {
  for (const DType type : all_dtypes) {
    if (name(type) == text) return type;
  }
  return std::nullopt;
}

}  // namespace faltung
