#pragma once

#include <cstdint>
#include <string_view>

#include <faltung/export.hpp>

namespace faltung {

/// How the sums of a front end's call are formed.
///
///               engines            error of a result    tiny results beside huge ones
///     direct    all but FFT's      of its own products  keep their digits
///     fft       FFT's              of the whole block   may be lost
///     automatic the fastest of either, unless the function says that its results keep to
///               themselves: then as `direct`
///
/// FFT is the faster one for long filters by far. Its results err by a few units of the last place
/// of the largest values near them: where data span many orders of magnitude, `direct` is the
/// choice. NaN and infinity are in the results whose products contain them, with all three. (A
/// few engines of GPUs spread them further; PlanFacts::spreads_non_finite says so.)
/// Sums of integers are exact with all three, never rounded.
///
/// Options that have a `method` have `run.engine` too, which names one engine or one family of
/// them. Both may be given if they agree; InvalidProblem names both if they do not.
enum class Method : std::uint8_t {
  automatic,  ///< the fastest engine that keeps the class the function states
  direct,     ///< no engine that errs by the norm of the data
  fft         ///< an FFT engine; where every filter has one tap there is nothing to transform
};

/// "automatic", "direct", "fft".
[[nodiscard]] FALTUNG_API std::string_view name(Method method) noexcept;
/// Reads "auto" too. @throws InvalidProblem for anything but these names.
[[nodiscard]] FALTUNG_API Method parse_method(std::string_view text);

}  // namespace faltung
