#include "cpp/cpu/element_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "cpp/cpu/epilogue.hpp"
#include "cpp/cpu/integer_rows.hpp"
#include "cpp/cpu/mean/transpose.hpp"

namespace faltung {
namespace {

// The pairs that Problem::validate lets through; the others are never called.
template <typename Acc, typename T>
constexpr bool readable = (is_complex_value<Acc> || !is_complex(dtype_of<T>)) &&
                          (!std::is_integral_v<Acc> || is_integer(dtype_of<T>));
template <typename Acc, typename T>
constexpr bool writable = is_complex_value<Acc> == is_complex(dtype_of<T>);

template <typename Acc, typename T>
Acc to_accumulator(T value) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<Acc>(value);
  } else {
    return load_element<Acc>(value);
  }
}

template <typename Acc, typename T>
void load_as(const void* data, std::int64_t first, std::int64_t step, std::int64_t count, Acc* to,
             std::int64_t to_step) {
  const T* from = static_cast<const T*>(data) + first;
  if constexpr (std::is_same_v<T, Acc>) {
    if (step == 1 && to_step == 1) {
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
      return;
    }
  }
  if (step == 1 && to_step == 1) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = to_accumulator<Acc>(from[i]);
  } else if (step == 2 && to_step == 1) {  // vectors, where the step is known
    for (std::int64_t i = 0; i < count; ++i) to[i] = to_accumulator<Acc>(from[2 * i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i * to_step] = to_accumulator<Acc>(from[i * step]);
  }
}

// The same elements, turned in squares.
template <typename T>
void turn_channels(const T* from, std::int64_t step, std::int64_t count, std::int64_t channels,
                   T* to, std::int64_t to_step) {
  using Unit = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr std::int64_t at_once = 64;
  static const auto turn = mean::lines_to_rows<Unit>();
  std::array<const Unit*, at_once> lines;
  for (std::int64_t i = 0; i < count; i += at_once) {
    const std::int64_t n = std::min(at_once, count - i);
    for (std::int64_t l = 0; l < n; ++l) {
      lines[static_cast<std::size_t>(l)] = reinterpret_cast<const Unit*>(from + (i + l) * step);
    }
    turn(lines.data(), n, channels, reinterpret_cast<Unit*>(to + i), to_step);
  }
}

// Sixteen channels are a cache line or so of x; each is read once, and as many rows are written.
template <typename Acc, typename T>
void load_channels_as(const void* data, std::int64_t first, std::int64_t step, std::int64_t count,
                      std::int64_t channels, Acc* to, std::int64_t to_step) {
  constexpr std::int64_t block = 16;
  const T* from = static_cast<const T*>(data) + first;
  if constexpr (std::is_same_v<T, Acc> && (sizeof(T) == 4 || sizeof(T) == 8)) {
    if (channels >= 8) return turn_channels(from, step, count, channels, to, to_step);
  }
  for (; channels >= block; channels -= block, from += block, to += block * to_step) {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t c = 0; c < block; ++c) {
        to[c * to_step + i] = to_accumulator<Acc>(from[i * step + c]);
      }
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      to[c * to_step + i] = to_accumulator<Acc>(from[i * step + c]);
    }
  }
}

template <typename Acc>
Wide<Acc> widen(Acc sum) {
  if constexpr (std::is_integral_v<Acc>) {  // two's complement: the accumulators are signed
    return static_cast<WideUnsigned>(
        static_cast<WideSigned>(static_cast<std::make_signed_t<Acc>>(sum)));
  } else {
    return Wide<Acc>(sum);
  }
}

}  // namespace

template <typename Acc>
LoadRow<Acc> load_row(DType type) {
#ifdef FALTUNG_HAVE_HIGHWAY
  if constexpr (loads_integer_rows<Acc>) {
    if (const LoadRow<Acc> load = load_integer_row<Acc>(type)) return load;
  }
#endif
  if constexpr (std::is_same_v<Acc, float>) {
    const LoadRow<float> load_halves = finish_rows<float>().load_halves;
    if (type == DType::f16 && load_halves != nullptr) return load_halves;
  }
  return visit_dtype(type, [](auto element) -> LoadRow<Acc> {
    using T = decltype(element);
    if constexpr (readable<Acc, T>) return load_as<Acc, T>;
    return nullptr;
  });
}

template <typename Acc>
LoadChannels<Acc> load_channels(DType type) {
  return visit_dtype(type, [](auto element) -> LoadChannels<Acc> {
    using T = decltype(element);
    if constexpr (readable<Acc, T>) return load_channels_as<Acc, T>;
    return nullptr;
  });
}

template <typename Acc>
Acc as_element(std::complex<double> value, DType type) {
  if constexpr (std::is_integral_v<Acc>) {
    // The value is an integer of that type; u64 reaches beyond what a signed cast can take.
    return static_cast<Acc>(store_rounded<std::uint64_t>(value.real(), StoreRule{}));
  } else {
    return visit_dtype(type, [&](auto element) {
      return load_element<Acc>(store_element<decltype(element)>(value, StoreRule{}));
    });
  }
}

template <typename Acc>
ResultRows<Acc>::ResultRows(const Problem& problem)
    : epilogue_(problem.epilogue),
      rule_{problem.overflow, problem.rounding},
      row_epilogue_{problem.epilogue.alpha,           problem.epilogue.beta,
                    problem.epilogue.activation.kind, problem.epilogue.activation.a,
                    problem.epilogue.activation.b,    rule_},
      bias_dtype_(problem.bias_dtype()),
      store_(visit_dtype(problem.result_dtype(),
                         [](auto element) -> Store {
                           using T = decltype(element);
                           if constexpr (writable<Acc, T>) return store_as<T>;
                           return nullptr;
                         })),
      store_channels_(visit_dtype(problem.result_dtype(),
                                  [](auto element) -> StoreChannels {
                                    using T = decltype(element);
                                    if constexpr (writable<Acc, T>) return store_channels_as<T>;
                                    return nullptr;
                                  })),
      store_plain_block_(plain_block(problem)) {
  if constexpr (std::is_floating_point_v<Acc>) finish_ = finish_row<Acc>(problem.result_dtype());
#ifdef FALTUNG_HAVE_HIGHWAY
  if constexpr (stores_integer_rows<Acc>) {
    if (epilogue_ == Epilogue{}) store_neighbours_ = store_integer_row<Acc>(problem.result_dtype());
  }
#endif
}

template <typename Acc>
typename ResultRows<Acc>::StoreBlock ResultRows<Acc>::plain_block(const Problem& problem) {
  if (problem.epilogue != Epilogue{}) return nullptr;
  return visit_dtype(problem.result_dtype(), [](auto element) -> StoreBlock {
    using T = decltype(element);
    constexpr bool same = std::is_same_v<T, Acc> && std::is_floating_point_v<T>;
    constexpr bool half = std::is_same_v<T, BFloat16> || std::is_same_v<T, Half>;
    if constexpr (same || (half && std::is_same_v<Acc, float>)) return store_block_as<T>;
    return nullptr;
  });
}

template <typename Acc>
template <typename T>
void ResultRows<Acc>::store_block_as(const Acc* sums, std::int64_t sums_step, std::int64_t channels,
                                     std::int64_t count, void* result, std::int64_t first,
                                     std::int64_t step) {
  constexpr std::int64_t tile = 8;  // of the channel kernels: written as one stretch
  T* to = static_cast<T*>(result) + first;
  if (channels == tile) {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < tile; ++k) to[i * step + k] = T(sums[k * sums_step + i]);
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t k = 0; k < channels; ++k) to[i * step + k] = T(sums[k * sums_step + i]);
  }
}

template <typename Acc>
Wide<Acc> ResultRows<Acc>::bias(const RunArguments& arguments, std::int64_t channel) const {
  if (!epilogue_.bias) return Wide<Acc>(0);
  return visit_dtype(bias_dtype_, [&](auto element) {
    return load_element<Wide<Acc>>(static_cast<const decltype(element)*>(arguments.bias)[channel]);
  });
}

template <typename Acc>
void ResultRows<Acc>::load_bias(const RunArguments& arguments, std::int64_t count,
                                Wide<Acc>* to) const {
  for (std::int64_t k = 0; k < count; ++k) to[k] = bias(arguments, k);
}

template <typename Acc>
template <typename T>
void ResultRows<Acc>::store_channels_as(const ResultRows& rows, const Wide<Acc>* bias,
                                        const Acc* sums, std::int64_t count, void* result,
                                        std::int64_t first) {
  T* to = static_cast<T*>(result) + first;
  if constexpr (std::is_floating_point_v<Acc>) {
    if (rows.finish_ != nullptr) {
      return rows.finish_(rows.row_epilogue_, {bias, 1}, sums, count, to, 1);
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    finish_element(rows.epilogue_, rows.rule_, widen(sums[i]), bias[i], to[i]);
  }
}

template <typename Acc>
template <typename T>
void ResultRows<Acc>::store_as(const ResultRows& rows, Wide<Acc> bias, const Acc* sums,
                               std::int64_t count, void* result, std::int64_t first,
                               std::int64_t step) {
  T* to = static_cast<T*>(result) + first;
  if (step == 1 && rows.store_neighbours_ != nullptr &&
      rows.store_neighbours_(sums, count, rows.rule_, to)) {
    return;
  }
  const bool plain = rows.epilogue_ == Epilogue{};
  // Of floating numbers what finish_element makes of a plain one, without its questions.
  constexpr bool narrows = std::is_same_v<Acc, double> && std::is_same_v<T, float>;
  if constexpr (narrows || (std::is_same_v<T, Acc> && !std::is_integral_v<T>)) {
    if (plain) {
      for (std::int64_t i = 0; i < count; ++i) to[i * step] = static_cast<T>(sums[i]);
      return;
    }
  }
  if constexpr (std::is_same_v<Acc, float> && std::is_same_v<T, BFloat16>) {
    if (plain) {
      for (std::int64_t i = 0; i < count; ++i) to[i * step] = T(sums[i]);
      return;
    }
  }
  if constexpr (std::is_floating_point_v<Acc>) {
    if (rows.finish_ != nullptr) {
      const RowBias all = rows.epilogue_.bias ? RowBias{&bias, 0} : RowBias{};
      return rows.finish_(rows.row_epilogue_, all, sums, count, to, step);
    }
  }
  if constexpr (std::is_integral_v<Acc> && std::is_integral_v<T>) {
    if (plain && rows.rule_.overflow == Overflow::wrap && sizeof(T) <= sizeof(Acc)) {
      for (std::int64_t i = 0; i < count; ++i) to[i * step] = static_cast<T>(sums[i]);
      return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    finish_element(rows.epilogue_, rows.rule_, widen(sums[i]), bias, to[i * step]);
  }
}

#define FALTUNG_INSTANTIATE(Acc)                             \
  template LoadRow<Acc> load_row<Acc>(DType);                \
  template LoadChannels<Acc> load_channels<Acc>(DType);      \
  template Acc as_element<Acc>(std::complex<double>, DType); \
  template class ResultRows<Acc>;
FALTUNG_INSTANTIATE(float)
FALTUNG_INSTANTIATE(double)
FALTUNG_INSTANTIATE(std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>)
FALTUNG_INSTANTIATE(std::uint32_t)
FALTUNG_INSTANTIATE(std::uint64_t)
#undef FALTUNG_INSTANTIATE
// Values for integer dot products.
template LoadRow<std::int16_t> load_row<std::int16_t>(DType);
template LoadChannels<std::int16_t> load_channels<std::int16_t>(DType);
template std::int16_t as_element<std::int16_t>(std::complex<double>, DType);

}  // namespace faltung
