#include <algorithm>

#include <faltung/promotion.hpp>

namespace faltung {

namespace {

bool is_half(DType type) { return type == f16 || type == bf16; }

/// The smallest real floating type that holds every value of `type`, f64 standing in for more.
DType as_float(DType type, DType smallest) {
  if (!is_integer(type)) return type;
  switch (size_of(type)) {
    case 1:
      return smallest;
    case 2:
      return f32;
    default:
      return f64;
  }
}

DType integer_result(DType a, DType b) {
  if (size_of(a) < size_of(b)) std::swap(a, b);
  if (is_signed(a) == is_signed(b) || (is_signed(a) && size_of(a) > size_of(b))) return a;
  // A signed type that holds the unsigned one has twice its bits.
  const DType unsigned_type = is_signed(a) ? b : a;
  switch (size_of(unsigned_type)) {
    case 1:
      return i16;
    case 2:
      return i32;
    case 4:
      return i64;
    default:
      return f64;
  }
}

DType float_result(DType a, DType b) {
  if (size_of(a) == size_of(b)) return a == b ? a : f32;  // f16 and bf16
  return size_of(a) > size_of(b) ? a : b;
}

DType complex_result(DType a, DType b) {
  const bool wide = a == c128 || b == c128 || a == f64 || b == f64;
  return wide ? c128 : c64;
}

}  // namespace

DType numpy_result_type(DType a, DType b) noexcept {
  if (is_integer(a) && is_integer(b)) return integer_result(a, b);
  const DType wide_a = as_float(a, is_half(b) ? b : f16);
  const DType wide_b = as_float(b, is_half(a) ? a : f16);
  if (is_complex(a) || is_complex(b)) return complex_result(wide_a, wide_b);
  return float_result(wide_a, wide_b);
}

DType fft_result_type(DType a, DType b) noexcept {
  const auto transformed = [](DType type) {
    return is_integer(type) ? f64 : is_half(type) ? f32 : type;
  };
  return numpy_result_type(transformed(a), transformed(b));
}

DType upfirdn_result_type(DType h, DType x) noexcept {
  return numpy_result_type(numpy_result_type(h, f32), numpy_result_type(x, f32));
}

}  // namespace faltung
