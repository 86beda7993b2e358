#include "cpp/cpu/fft/filter_copy.hpp"

#include <cstring>

#include "cpp/core/strided.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung::fft {

FilterCopy::FilterCopy(const Problem& p, const void* w) : data_(nullptr) {
  const Shape shape = p.w_shape();
  const Strides strides = p.w_strides.empty() ? compact_strides(shape) : p.w_strides;
  const ByteSpan span = byte_span({w, p.filter, shape, strides, Device::cpu()});
  bytes_ = Tensor(DType::u8, {span.end - span.begin});
  const auto* from = static_cast<const std::byte*>(w);
  auto* to = static_cast<std::byte*>(bytes_.data()) + (from - span.begin);
  const auto size = static_cast<std::int64_t>(size_of(p.filter));
  for_each_index(shape, [&](std::int64_t, const Extents& index) {
    const std::int64_t offset = offset_of(index, strides) * size;
    std::memcpy(to + offset, from + offset, static_cast<std::size_t>(size));
  });
  data_ = to;
}

}  // namespace faltung::fft
