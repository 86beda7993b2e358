#pragma once

#include <complex>
#include <cstdint>
#include <type_traits>

#include "cpp/core/element.hpp"
#include "cpp/core/engine.hpp"
#include "cpp/cpu/finish_rows.hpp"

namespace faltung {

/// Calls `f` with a value of the type in which the fast CPU engines form sums: float, double,
/// complex, or unsigned integers, whose sums wrap as two's complement does.
template <typename F>
decltype(auto) visit_accumulator(DType accumulator, F&& f) {
  switch (accumulator) {
    case DType::f64:
      return f(double{});
    case DType::c64:
      return f(std::complex<float>{});
    case DType::c128:
      return f(std::complex<double>{});
    case DType::i32:
      return f(std::uint32_t{});
    case DType::i64:
      return f(std::uint64_t{});
    default:
      return f(float{});
  }
}

template <typename Acc>
inline constexpr bool is_complex_value = !std::is_arithmetic_v<Acc>;

/// The type an epilogue is computed in, so that it costs no accuracy.
template <typename Acc>
using Wide =
    std::conditional_t<std::is_integral_v<Acc>, WideUnsigned,
                       std::conditional_t<is_complex_value<Acc>, std::complex<double>, double>>;

template <typename Acc>
constexpr Acc conjugate_value(Acc value) noexcept {
  if constexpr (is_complex_value<Acc>) return {value.real(), -value.imag()};
  return value;
}

/// a * b by the textbook formula: unlike the operator of std::complex it vectorises.
template <typename Acc>
constexpr Acc product(Acc a, Acc b) noexcept {
  if constexpr (is_complex_value<Acc>) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  } else {
    return a * b;
  }
}

/// Reads `count` elements of some type, the first at `data[first]`, then every `step`, and writes
/// them as accumulators, `to_step` apart.
template <typename Acc>
using LoadRow = void (*)(const void* data, std::int64_t first, std::int64_t step,
                         std::int64_t count, Acc* to, std::int64_t to_step);

/// The LoadRow for elements of `type`, which Problem::validate allows beside this accumulator.
template <typename Acc>
[[nodiscard]] LoadRow<Acc> load_row(DType type);

/// Reads `channels` elements side by side at each of `count` places, the first at data[first], then
/// every `step`, and writes place i of channel c as an accumulator to to[c to_step + i].
template <typename Acc>
using LoadChannels = void (*)(const void* data, std::int64_t first, std::int64_t step,
                              std::int64_t count, std::int64_t channels, Acc* to,
                              std::int64_t to_step);

/// The LoadChannels for elements of `type`, as load_row.
template <typename Acc>
[[nodiscard]] LoadChannels<Acc> load_channels(DType type);

/// A value as it comes back from an element of `type`.
template <typename Acc>
[[nodiscard]] Acc as_element(std::complex<double> value, DType type);

/// Whether sums, as they lie in memory, are elements of the result: there is nothing to do to them.
template <typename Acc>
bool results_are_sums(const Problem& p) {
  const DType result = p.result_dtype();
  if (p.epilogue != Epilogue{}) return false;
  if constexpr (std::is_integral_v<Acc>) {
    return is_integer(result) && size_of(result) == sizeof(Acc) && p.overflow == Overflow::wrap;
  } else {
    return result == dtype_of<Acc>;
  }
}

/// Stores neighbouring sums, without an epilogue, in elements of some type. Returns false, with
/// `to` in an unspecified state, if a sum is NaN or so large that it needs store_rounded.
template <typename Acc>
using StoreNeighbours = bool (*)(const Acc* sums, std::int64_t count, StoreRule rule, void* to);

/// Applies the epilogue to rows of sums and stores them in the result.
template <typename Acc>
class ResultRows {
 public:
  explicit ResultRows(const Problem& problem);

  /// Stores `count` sums of one channel at result[first], then every `step`.
  void store(const RunArguments& arguments, std::int64_t channel, const Acc* sums,
             std::int64_t count, std::int64_t first, std::int64_t step) const {
    store_(*this, bias(arguments, channel), sums, count, arguments.result, first, step);
  }
  /// Stores one sum of each of `count` channels side by side, the first at result[first].
  ///
  /// @param bias  theirs, as load_bias gives it; null without: then the channels do not matter
  void store_channels(const RunArguments& arguments, const Wide<Acc>* bias, const Acc* sums,
                      std::int64_t count, std::int64_t first) const {
    if (bias == nullptr)
      return store_(*this, Wide<Acc>(0), sums, count, arguments.result, first, 1);
    store_channels_(*this, bias, sums, count, arguments.result, first);
  }
  /// Stores `count` sums of each of some channels that lie side by side in the result: that of
  /// place i and channel first_channel + k, sums[k sums_step + i], at result[first + i step + k].
  void store_block(const RunArguments& arguments, std::int64_t first_channel, std::int64_t channels,
                   const Acc* sums, std::int64_t sums_step, std::int64_t count, std::int64_t first,
                   std::int64_t step) const {
    if (store_plain_block_ != nullptr) {
      return store_plain_block_(sums, sums_step, channels, count, arguments.result, first, step);
    }
    for (std::int64_t k = 0; k < channels; ++k) {
      store(arguments, first_channel + k, sums + k * sums_step, count, first + k, step);
    }
  }
  /// The bias of the first `count` channels.
  void load_bias(const RunArguments& arguments, std::int64_t count, Wide<Acc>* to) const;

 private:
  using Store = void (*)(const ResultRows&, Wide<Acc> bias, const Acc* sums, std::int64_t count,
                         void* result, std::int64_t first, std::int64_t step);
  template <typename T>
  static void store_as(const ResultRows& rows, Wide<Acc> bias, const Acc* sums, std::int64_t count,
                       void* result, std::int64_t first, std::int64_t step);
  using StoreChannels = void (*)(const ResultRows&, const Wide<Acc>* bias, const Acc* sums,
                                 std::int64_t count, void* result, std::int64_t first);
  template <typename T>
  static void store_channels_as(const ResultRows& rows, const Wide<Acc>* bias, const Acc* sums,
                                std::int64_t count, void* result, std::int64_t first);
  using StoreBlock = void (*)(const Acc* sums, std::int64_t sums_step, std::int64_t channels,
                              std::int64_t count, void* result, std::int64_t first,
                              std::int64_t step);
  template <typename T>
  static void store_block_as(const Acc* sums, std::int64_t sums_step, std::int64_t channels,
                             std::int64_t count, void* result, std::int64_t first,
                             std::int64_t step);
  [[nodiscard]] static StoreBlock plain_block(const Problem& problem);
  [[nodiscard]] Wide<Acc> bias(const RunArguments& arguments, std::int64_t channel) const;

  // Floating sums alone have rows to finish.
  using Finish = FinishRow<std::conditional_t<std::is_floating_point_v<Acc>, Acc, float>>;

  Epilogue epilogue_;
  StoreRule rule_;
  RowEpilogue row_epilogue_;
  Finish finish_ = nullptr;  ///< null if there is none
  DType bias_dtype_;
  Store store_;
  StoreChannels store_channels_;
  StoreNeighbours<Acc> store_neighbours_ = nullptr;  ///< null if there is none
  StoreBlock store_plain_block_;                     ///< null if sums are not stored as they are
};

}  // namespace faltung
