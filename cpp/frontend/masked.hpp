#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <faltung/masked.hpp>
#include "cpp/frontend/filter_steps.hpp"
#include "cpp/frontend/masked_bands.hpp"
#include "cpp/frontend/masked_numbers.hpp"
#include "cpp/frontend/masked_windows.hpp"

namespace faltung::masked {

/// Weights as an operand: the caller's view, or one of memory that a plan keeps. Axes of extent 1
/// where x has more have the stride 0.
struct Weights {
  ConstTensorView view = {};
  std::shared_ptr<const Tensor> memory = {};
  double largest =
      1;  ///< of those on a device other than the CPU, where they were looked at before
  [[nodiscard]] bool given() const { return view.data != nullptr; }
};

/// What the options of both front ends say.
struct Words {
  NanRule nan = NanRule::missing;
  double nan_value = 0;
  bool keep_gain = false;
  double min_weight = 0;
  std::int64_t min_count = 0;
  std::optional<double> fill;
  bool preserve_nan = false;
  std::optional<DType> output, accumulator;
  Method method = Method::automatic;
};

template <typename Options>
[[nodiscard]] Words words_of(const Options& o) {
  Words words{.nan = o.nan,
              .nan_value = o.nan_value,
              .keep_gain = o.keep_gain,
              .min_weight = o.min_weight,
              .min_count = o.min_count,
              .fill = o.fill,
              .output = o.output,
              .accumulator = o.accumulator,
              .method = o.method};
  if constexpr (requires { o.preserve_nan; }) words.preserve_nan = o.preserve_nan;
  return words;
}

/// Types of the sums and of the result.
struct Types {
  DType sums = f32;
  DType result = f32;
};

/// @throws InvalidProblem for types that have no missing values, or options that contradict each
///         other; NoEngine for a filter on another device than the CPU.
[[nodiscard]] Types checked_types(const ConstTensorView& x, const ConstTensorView& w,
                                  std::string_view w_name, const Words& words);

/// The caller's weights, or a copy of them for a plan; for x on another device than the CPU a copy
/// there, in the type of the sums.
///
/// @throws InvalidProblem if they do not fit x, NoEngine if they are not on the CPU.
[[nodiscard]] Weights checked_weights(const ConstTensorView& weights, const ConstTensorView& x,
                                      DType sums, bool keep);

/// The filter as the three sums take it.
struct Taps {
  Tensor data;                ///< in the type of the sums
  Tensor ones;                ///< of its shape, where the divisor or the counts are a sum of them
  bool equal = false;         ///< all taps are one number
  bool divides = false;       ///< elements may be missing, so that each divisor is another
  bool counts_apart = false;  ///< counts are a sum of their own
  double magnitude = 0;       ///< sum of the magnitudes of the taps
  QuotientRule rule;
};

/// @throws InvalidProblem for taps that are not finite or sum to 0 where that is divided by, and
///         for a minimum that no window reaches.
[[nodiscard]] Taps prepare_taps(const ConstTensorView& w, std::string_view w_name, DType sums,
                                bool weighted, const Words& words);

/// One masked convolution.
struct Masked {
  Types types;
  Words words;
  Weights weights;
  Taps taps;
  bool outside_counts = true;  ///< so that nothing is missing if no element of x is
  Execution run;
  Device device = Device::cpu();  ///< of x; elsewhere runs look at no data
  /// Of x times its weights, of the weights, and of what counts, to images of y's shape. The last
  /// two are there if `taps` says so, and there are neither windows nor bands.
  Step data, divisors, counts;
  /// For the same, where one of them serves.
  std::optional<Windows> windows = {};
  std::optional<Bands> bands = {};
};

[[nodiscard]] inline bool is_elsewhere(const Masked& masked) {
  return masked.device.kind != DeviceKind::cpu;
}
/// Of a device other than the CPU, so that runs there may be captured.
void prepare_passes(const Masked& masked);

/// What a front end plans: a whole image at once, or cut into bands where they are faster.
enum class Cut { whole, bands };

/// A part of x: values times weights, and the weights, as `load` says.
///
/// @param x        rows of it, of any type and strides, from row `first` on
/// @param weights  without data where nothing can be missing
Loaded load_elements(const Masked& masked, std::int64_t first, const ConstTensorView& x,
                     const TensorView& values, const TensorView& weights);
/// The same of all of x on another device, without a look at them.
Loaded load_on_device(const Masked& masked, const ConstTensorView& x, const TensorView& values,
                      const TensorView& weights, const Stream& stream);

/// Results of sums, as `divide` and `restore` say.
///
/// @param x  the elements in their places; not read without data
void finish(const TensorView& sums, const ConstTensorView& divisors, const ConstTensorView& counts,
            const Masked& masked, const ConstTensorView& x, const QuotientRule& rule,
            const TensorView& results);

/// As one step from x to y.
void add_masked(Steps& steps, Masked masked);

/// The images of a masked convolution in scratch memory, and what is done to them in turn.
class Sums {
 public:
  /// @param in_place  the sums of x are formed in memory of the caller
  Sums(const Masked& masked, const Shape& x, const Shape& y, bool in_place);
  [[nodiscard]] std::size_t image_bytes() const;
  /// Bytes of the images, and of the scratch memory of the convolutions.
  [[nodiscard]] std::size_t bytes() const;

  /// x times its weights, the weights, the sums of both, and the divisor and count of each result.
  /// The divisors take the place of the values.
  struct Images {
    TensorView values, weights, sums, divisors, counts;
    QuotientRule rule;
  };
  /// All but the quotient.
  ///
  /// @param sums        where they are formed, if in place: compact, in their type
  /// @param everything  also what is not needed for results where nothing is missing
  [[nodiscard]] Images form(const ConstTensorView& x, const TensorView& sums, const Stream& stream,
                            const Workspace& workspace, bool everything) const;
  /// The values and the weights alone.
  Loaded load_from(const ConstTensorView& x, const Images& images, const Stream& stream) const;
  /// What lies behind the images: scratch memory of the convolutions.
  [[nodiscard]] Workspace scratch(const Workspace& workspace) const;

 private:
  [[nodiscard]] TensorView image(const Shape& shape, const Workspace& workspace,
                                 std::size_t offset) const;
  [[nodiscard]] Images images_in(const TensorView& sums, const Workspace& workspace) const;
  const Masked& masked_;
  Shape x_, y_;
  bool in_place_;
};

}  // namespace faltung::masked
