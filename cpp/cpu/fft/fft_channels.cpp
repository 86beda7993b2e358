#include "cpp/cpu/fft/fft_channels.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/cpu/filter_rows.hpp"

namespace faltung::fft {
namespace {

template <typename T, typename Sum>
Sum finished(T value) {
  if constexpr (std::is_integral_v<Sum>) {
    return static_cast<Sum>(std::llrint(value));  // exact: supports() proved |error| < 1/2
  } else {
    return value;
  }
}

std::int64_t outputs(const Axis& axis) { return axis.output(); }
std::int64_t taps(const Axis& axis) { return axis.filter; }

Extents concatenate(const Extents& a, const Extents& b) {
  Extents result = a;
  for (const std::int64_t value : b) result.push_back(value);
  return result;
}

}  // namespace

template <typename T, typename Sum>
Channels<T, Sum>::Channels(const Problem& problem)
    : plan_(plan_blocks(problem)),
      p_(plan_.problem),
      axis_(p_.axes.back()),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)),
      block_count_(element_count(plan_.blocks)),
      transform_(plan_.lengths),
      size_(transform_.size()),
      input_(p_, reordered(x_.spatial)),
      load_w_(load_row<T>(p_.filter)),
      load_y_(load_row<T>(p_.output)),
      result_(p_) {
  for (TensorStrides* tensor : {&x_, &w_, &y_}) tensor->spatial = reordered(tensor->spatial);
  const std::int64_t longest = std::max({axis_.input, axis_.filter, axis_.output()});
  const bool folds = p_.pass == Pass::backward_data;
  transform_at_ = layout_.add<std::byte>(static_cast<std::int64_t>(transform_.scratch_bytes()));
  row_at_ = layout_.add<T>(axis_.filter);
  sums_at_ = layout_.add<Sum>(longest);
  image_at_ = layout_.add<T>(folds ? element_count(input_extents(p_)) : 0);
}

template <typename T, typename Sum>
typename Channels<T, Sum>::Scratch Channels<T, Sum>::scratch(std::byte* memory) const {
  return {memory + transform_at_, at<T>(memory, row_at_), at<Sum>(memory, sums_at_),
          at<T>(memory, image_at_)};
}

template <typename T, typename Sum>
Strides Channels<T, Sum>::reordered(const Strides& strides) const {
  Strides result;
  for (const std::int64_t axis : plan_.order) {
    result.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  return result;
}

template <typename T, typename Sum>
template <typename F>
void Channels<T, Sum>::for_each_block(const Shape& slow, F&& f) const {
  for_each_index(plan_.blocks, [&](std::int64_t block, const Extents& o) {
    for_each_index(slow, [&](std::int64_t, const Extents& index) { f(block * size_, o, index); });
  });
}

template <typename T, typename Sum>
Shape Channels<T, Sum>::slow_shape(std::int64_t (*extent)(const Axis&)) const {
  Shape shape;
  for (std::size_t a = plan_.skipped; a + 1 < p_.rank(); ++a) shape.push_back(extent(p_.axes[a]));
  return shape;
}

template <typename T, typename Sum>
std::int64_t Channels<T, Sum>::row_start(const Extents& slow) const {
  std::int64_t row = 0;
  for (std::size_t a = 0; a < slow.size(); ++a) row = row * plan_.lengths[a] + slow[a];
  return row * transform_.row_step();
}

// Where tap r stands in the block: at -r dilation, modulo the length.
template <typename T, typename Sum>
std::int64_t Channels<T, Sum>::tap_place(std::size_t axis, std::int64_t tap) const {
  const std::int64_t place = tap * p_.axes[plan_.skipped + axis].dilation;
  return place == 0 ? 0 : plan_.lengths[axis] - place;
}

template <typename T, typename Sum>
Extents Channels<T, Sum>::output_places(const Extents& slow_outputs) const {
  Extents places = slow_outputs;
  for (std::size_t a = 0; a < places.size(); ++a) places[a] *= p_.axes[plan_.skipped + a].stride;
  return places;
}

template <typename T, typename Sum>
Extents Channels<T, Sum>::tap_places(const Extents& slow_taps) const {
  Extents places = slow_taps;
  for (std::size_t a = 0; a < places.size(); ++a) places[a] = tap_place(a, places[a]);
  return places;
}

// The row of x that stands at these outputs of the skipped axes and positions of the others.
template <typename T, typename Sum>
RowPlace Channels<T, Sum>::input_row(const Strides& strides, const Extents& o,
                                     const Extents& positions) const {
  Extents position = o;
  for (std::size_t a = 0; a < o.size(); ++a) position[a] *= p_.axes[a].stride;
  return row_place(p_, strides, concatenate(position, positions));
}

template <typename T, typename Sum>
template <bool is_forward>
void Channels<T, Sum>::transform_channel(Z* blocks, const Scratch& scratch) const {
  for (Z* block = blocks; block < blocks + block_count_ * size_; block += size_) {
    if (is_forward) {
      transform_.forward(block, scratch.transform);
    } else {
      transform_.inverse(block, scratch.transform);
    }
  }
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_x(const void* x, std::int64_t b, std::int64_t c, Z* to,
                              const Scratch& scratch) const {
  const std::int64_t columns = extended_extent(axis_);
  std::fill_n(to, block_count_ * size_, Z(0));
  for_each_block(slow_shape(extended_extent),
                 [&](std::int64_t block, const Extents& o, const Extents& position) {
                   T* row = reinterpret_cast<T*>(to + block) + row_start(position);
                   input_.load(x, b * x_.outer + c * x_.channel, input_row(x_.spatial, o, position),
                               0, 1, columns, row);
                 });
  transform_channel<true>(to, scratch);
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_y(const void* y, std::int64_t b, std::int64_t k, Z* to,
                              const Scratch& scratch) const {
  std::fill_n(to, block_count_ * size_, Z(0));
  for_each_block(slow_shape(outputs), [&](std::int64_t block, const Extents& o,
                                          const Extents& slow) {
    T* row = reinterpret_cast<T*>(to + block) + row_start(output_places(slow));
    load_y_(y, output_offset(b, k, o, slow), y_.spatial.back(), axis_.output(), row, axis_.stride);
  });
  transform_channel<true>(to, scratch);
}

template <typename T, typename Sum>
void Channels<T, Sum>::load_w(const void* w, std::int64_t k, std::int64_t c, Z* to,
                              const Scratch& scratch) const {
  std::fill_n(to, size_, Z(0));
  for_each_index(slow_shape(taps), [&](std::int64_t, const Extents& slow) {
    T* row = reinterpret_cast<T*>(to) + row_start(tap_places(slow));
    load_w_(w, tap_offset(k, c, slow), tap_step(), axis_.filter, scratch.row, 1);
    for (std::int64_t r = 0; r < axis_.filter; ++r) {
      const T tap = scratch.row[r];
      row[tap_place(plan_.lengths.size() - 1, r)] = p_.conjugate ? conjugate_value(tap) : tap;
    }
  });
  transform_.forward(to, scratch.transform);
}

template <typename T, typename Sum>
void Channels<T, Sum>::store_y(const RunArguments& arguments, std::int64_t b, std::int64_t k,
                               Z* from, const Scratch& scratch) const {
  transform_channel<false>(from, scratch);
  for_each_block(
      slow_shape(outputs), [&](std::int64_t block, const Extents& o, const Extents& slow) {
        const T* row = reinterpret_cast<const T*>(from + block) + row_start(output_places(slow));
        store_row(arguments, k, row, axis_.stride, axis_.output(), output_offset(b, k, o, slow),
                  y_.spatial.back(), scratch);
      });
}

template <typename T, typename Sum>
void Channels<T, Sum>::store_x(const RunArguments& arguments, std::int64_t b, std::int64_t c,
                               Z* from, const Scratch& scratch) const {
  transform_channel<false>(from, scratch);
  const Shape extents = input_extents(p_);
  const Strides compact = compact_strides(extents);
  T* image = scratch.image;
  std::fill_n(image, element_count(extents), T(0));
  for_each_block(slow_shape(extended_extent),
                 [&](std::int64_t block, const Extents& o, const Extents& position) {
                   fold_row(axis_, input_row(compact, o, position),
                            reinterpret_cast<const T*>(from + block) + row_start(position), 0, 1,
                            extended_extent(axis_), image);
                 });
  for_each_index(slow_extents(extents), [&](std::int64_t, const Extents& i) {
    store_row(arguments, c, image, 1, extents.back(),
              b * x_.outer + c * x_.channel + offset_of(i, x_.spatial), x_.spatial.back(), scratch);
    image += extents.back();
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::store_w(const RunArguments& arguments, std::int64_t k, std::int64_t c,
                               Z* from, const Scratch& scratch) const {
  transform_.inverse(from, scratch.transform);
  for_each_index(slow_shape(taps), [&](std::int64_t, const Extents& slow) {
    const T* row = reinterpret_cast<const T*>(from) + row_start(tap_places(slow));
    for (std::int64_t r = 0; r < axis_.filter; ++r) {
      const T tap = row[tap_place(plan_.lengths.size() - 1, r)];
      scratch.row[r] = p_.conjugate ? conjugate_value(tap) : tap;
    }
    store_row(arguments, k, scratch.row, 1, axis_.filter, tap_offset(k, c, slow), tap_step(),
              scratch);
  });
}

template <typename T, typename Sum>
void Channels<T, Sum>::store_row(const RunArguments& arguments, std::int64_t channel,
                                 const T* values, std::int64_t values_step, std::int64_t count,
                                 std::int64_t first, std::int64_t step,
                                 const Scratch& scratch) const {
  if constexpr (std::is_same_v<T, Sum>) {
    if (values_step == 1) {
      result_.store(arguments, channel, values, count, first, step);
      return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i)
    scratch.sums[i] = finished<T, Sum>(values[i * values_step]);
  result_.store(arguments, channel, scratch.sums, count, first, step);
}

template <typename T, typename Sum>
std::int64_t Channels<T, Sum>::output_offset(std::int64_t b, std::int64_t k, const Extents& o,
                                             const Extents& slow) const {
  return b * y_.outer + k * y_.channel + offset_of(concatenate(o, slow), y_.spatial);
}

// Of the row's first tap in the order of the formula, which `flip` reverses in memory.
template <typename T, typename Sum>
std::int64_t Channels<T, Sum>::tap_offset(std::int64_t k, std::int64_t c,
                                          const Extents& slow) const {
  std::int64_t offset = k * w_.outer + c * w_.channel;
  for (std::size_t a = plan_.skipped; a < p_.rank(); ++a) {
    const std::int64_t r = a + 1 < p_.rank() ? slow[a - plan_.skipped] : 0;
    offset += (p_.flip ? p_.axes[a].filter - 1 - r : r) * w_.spatial[a];
  }
  return offset;
}

template <typename T, typename Sum>
std::int64_t Channels<T, Sum>::tap_step() const {
  return p_.flip ? -w_.spatial.back() : w_.spatial.back();
}

template class Channels<float, float>;
template class Channels<double, double>;
template class Channels<std::complex<float>, std::complex<float>>;
template class Channels<std::complex<double>, std::complex<double>>;
template class Channels<double, std::uint64_t>;

}  // namespace faltung::fft
