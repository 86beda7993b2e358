#include "cpp/tools/io/npy_type.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

namespace faltung::tools {
namespace {

struct Entry {
  std::string_view text;
  DType dtype;
};

// The letters are those of C's types where `long` has 64 bits, as on every machine NumPy 2 and we
// share.
constexpr Entry codes[] = {
    {"f2", f16}, {"f4", f32}, {"f8", f64}, {"c8", c64}, {"c16", c128}, {"i1", i8},  {"u1", u8},
    {"i2", i16}, {"u2", u16}, {"i4", i32}, {"u4", u32}, {"i8", i64},   {"u8", u64}, {"b1", u8},
    {"e", f16},  {"f", f32},  {"d", f64},  {"F", c64},  {"D", c128},   {"b", i8},   {"B", u8},
    {"h", i16},  {"H", u16},  {"i", i32},  {"I", u32},  {"l", i64},    {"L", u64},  {"q", i64},
    {"Q", u64},  {"p", i64},  {"P", u64},  {"?", u8}};

// Names take no byte order.
constexpr Entry names[] = {
    {"float16", f16},     {"float32", f32},  {"float64", f64},   {"complex64", c64},
    {"complex128", c128}, {"int8", i8},      {"int16", i16},     {"int32", i32},
    {"int64", i64},       {"uint8", u8},     {"uint16", u16},    {"uint32", u32},
    {"uint64", u64},      {"bool", u8},      {"bool_", u8},      {"half", f16},
    {"single", f32},      {"double", f64},   {"float", f64},     {"csingle", c64},
    {"cdouble", c128},    {"complex", c128}, {"byte", i8},       {"ubyte", u8},
    {"short", i16},       {"ushort", u16},   {"intc", i32},      {"uintc", u32},
    {"int", i64},         {"int_", i64},     {"uint", u64},      {"long", i64},
    {"ulong", u64},       {"longlong", i64}, {"ulonglong", u64}, {"intp", i64},
    {"uintp", u64}};

template <std::size_t n>
std::optional<DType> look_up(const Entry (&table)[n], std::string_view text) {
  const auto* found = std::find_if(std::begin(table), std::end(table),
                                   [&](const Entry& entry) { return entry.text == text; });
  if (found == std::end(table)) return std::nullopt;
  return found->dtype;
}

bool is_order(char c) { return c == '<' || c == '>' || c == '=' || c == '|'; }

}  // namespace

std::optional<NpyType> parse_npy_type(std::string_view descr) {
  if (const auto named = look_up(names, descr)) return NpyType{*named, false};
  const char order = descr.empty() ? '\0' : descr[0];
  const auto dtype = look_up(codes, descr.substr(is_order(order) ? 1 : 0));
  if (!dtype) return std::nullopt;
  const char foreign = std::endian::native == std::endian::little ? '>' : '<';
  return NpyType{*dtype, order == foreign && size_of(*dtype) > 1};
}

std::string_view npy_way_out(std::string_view descr) {
  const std::string_view code = descr.substr(!descr.empty() && is_order(descr[0]) ? 1 : 0);
  if (code == "f12" || code == "f16" || code == "g" || code == "longdouble") {
    return "long double is not read; save x.astype('float64')";
  }
  if (code == "c24" || code == "c32" || code == "G" || code == "clongdouble") {
    return "complex long double is not read; save x.astype('complex128')";
  }
  switch (code.empty() ? '\0' : code[0]) {
    case 'O':
      return "pickled Python objects are never read; save a numeric array";
    case 'M':
    case 'm':
      return "dates and times are not read; save x.astype('int64')";
    case 'S':
    case 'U':
    case 'a':
    case 'V':
      return "text and raw bytes are not read; save a numeric array";
    default:
      return "the types read are f2 f4 f8 c8 c16 i1 u1 i2 u2 i4 u4 i8 u8 b1 and NumPy's names of "
             "them";
  }
}

}  // namespace faltung::tools
