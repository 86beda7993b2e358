#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <faltung/dtype.hpp>
#include <faltung/extents.hpp>
#include <faltung/tensor.hpp>

#include "cpp/tools/bench/operands.hpp"

namespace faltung::bench {

/// A line of a suite that names a front end's function, where what is to be timed is no Problem:
///
///     call=image.median_filter dtype=u8 in=1000x1000 size=5x5
///     call=image.percentile_filter dtype=f32 in=1000x1000 size=5x5 percentile=25
///     call=image.uniform dtype=f32 in=1000x1000 size=301
///     call=signal.sepfir2d dtype=f32 in=2048x2048 f=25x25
///     call=signal.upfirdn dtype=f32 in=4410000 f=3201 up=160 down=147
///
/// `in` is the shape of x; `size` the window's, `f` the taps along each axis of it, one value
/// serves all axes. All options that are not named have their defaults. Images may be of any real
/// type; signals are f32 or f64, and so are their taps.
struct Call {
  std::string function;
  DType dtype = f32;
  Shape in = {};
  Shape window = {};  ///< `size` or `f`
  double percentile = 50;
  std::int64_t up = 1;
  std::int64_t down = 1;
};

/// @throws InvalidProblem naming the word that is missing, unknown or breaks its rule.
[[nodiscard]] Call parse_call(const std::string& text);

/// One call with its random operands, on the CPU.
class CallWork {
 public:
  virtual ~CallWork() = default;
  /// What a user calls, result and all.
  [[nodiscard]] virtual Tensor run() const = 0;
  /// What does the work: an engine, or the rank filters and means, which have none.
  [[nodiscard]] virtual std::string engine() const = 0;
  /// "exact", "elementwise" or "normwise".
  [[nodiscard]] virtual std::string error_class() const = 0;
  /// x read and the result written once.
  [[nodiscard]] virtual double bytes() const = 0;
  /// Products of the definition, those with zeros between samples left out; the members of all
  /// windows.
  [[nodiscard]] virtual double multiply_adds() const = 0;
  /// Compares the result with the definition at randomly chosen places.
  [[nodiscard]] virtual ErrorCheck check(const Tensor& result, std::uint64_t seed) const = 0;
};

/// @param engine  "" = the planner's choice
/// @throws NoEngine if one is named for a function that has none, InvalidProblem
[[nodiscard]] std::unique_ptr<CallWork> make_work(const Call& call, const std::string& engine,
                                                  std::uint64_t seed);

}  // namespace faltung::bench
