// Filters as accumulators in the order of the formula, however they lie in memory.

#include "cpp/cpu/packed_filter.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <faltung/tensor.hpp>
#include "cpp/core/geometry.hpp"

namespace faltung {
namespace {

TEST(PackedFilter, HasEveryTapInItsPlace) {
  for (const char* line :
       {"op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2", "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 flip=1",
        "op=fwd dtype=f32:bf16:f32 c=3 in=9x9 k=4 f=3x5",
        "op=fwd dtype=f32:f16:f32 c=3 in=9x9 k=4 f=3x5 flip=1",
        "op=fwd dtype=f32:f64:f32 c=4 in=9x9 k=4 f=3x5 g=2",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 layout=nhwc",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 layout=nhwc flip=1",
        "op=fwd dtype=f32 c=3 in=9 k=1 f=7 flip=1",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=1x1 wstrides=1,4,1,1",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x1 flip=1",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 wstrides=1,4,12,36",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 wstrides=6,24,2,1",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 wstrides=12,4,24,2 flip=1",
        "op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x2 wstrides=18,6,1,3 flip=1",
        "op=fwd dtype=f32 c=2 in=5x6x7 k=3 f=2x1x3 flip=1",
        "op=fwd dtype=f32 c=2 in=5x6x7 k=3 f=2x1x3"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const TensorStrides strides = w_strides(p);
    const Shape taps = filter_extents(p);
    const std::int64_t inputs = p.in_channels / p.groups, count = element_count(taps);
    std::int64_t size = 1 + (p.out_channels - 1) * strides.outer + (inputs - 1) * strides.channel;
    for (std::size_t a = 0; a < taps.size(); ++a) size += (taps[a] - 1) * strides.spatial[a];
    Tensor w(p.filter, {size});
    const auto value = [](std::int64_t i) { return static_cast<float>(i % 61) - 30; };
    visit_dtype(p.filter, [&](auto element) {
      using T = decltype(element);
      if constexpr (!is_complex(dtype_of<T>)) {
        for (std::int64_t i = 0; i < size; ++i) {
          static_cast<T*>(w.data())[i] = store_element<T>(value(i), StoreRule{});
        }
      }
    });
    const FilterPacker<float> packer(p);
    std::vector<float> scratch(static_cast<std::size_t>(packer.size()));
    const float* packed = packer.filter(w.data(), scratch.data());
    for (std::int64_t k = 0; k < p.out_channels; ++k) {
      for (std::int64_t c = 0; c < inputs; ++c) {
        for_each_index(taps, [&](std::int64_t t, const Extents& r) {
          std::int64_t at = k * strides.outer + c * strides.channel;
          for (std::size_t a = 0; a < taps.size(); ++a) {
            at += (p.flip ? taps[a] - 1 - r[a] : r[a]) * strides.spatial[a];
          }
          EXPECT_EQ(packed[(k * inputs + c) * count + t], value(at)) << k << ' ' << c << ' ' << t;
        });
      }
    }
  }
}

}  // namespace
}  // namespace faltung
