#include "cpp/cpu/reference_engine.hpp"

#include <complex>
#include <optional>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/way.hpp"
#include "cpp/cpu/epilogue.hpp"
#include "cpp/cpu/error_terms.hpp"

namespace faltung {
namespace {

// What stands at one place of the extended, dilated input: nothing (zeros outside and between
// elements contribute nothing, even times infinity), a constant, or an element.
struct Place {
  enum class Kind { nothing, constant, element } kind = Kind::nothing;
  std::complex<double> value = 0;  // of a constant
  Extents index;                   // of an element
};

// The place that output `o` meets with tap `r`. Where several axes are outside, the slowest
// decides.
Place place_of(const Problem& p, const Extents& o, const Extents& r) {
  Place place{.kind = Place::Kind::element, .value = 0, .index = {}};
  bool between_elements = false;
  for (std::size_t i = 0; i < p.rank(); ++i) {
    const Axis& axis = p.axes[i];
    const std::int64_t position = o[i] * axis.stride + r[i] * axis.dilation - axis.pad_lo;
    const Boundary& boundary = position < 0 ? axis.below : axis.above;
    const std::int64_t j = extend_index(boundary.kind, position, axis.dilated_input());
    if (j == outside) {
      if (boundary.kind != BoundaryKind::constant) return {};
      return {.kind = Place::Kind::constant, .value = boundary.value, .index = {}};
    }
    between_elements |= j % axis.input_dilation != 0;
    place.index.push_back(j / axis.input_dilation);
  }
  return between_elements ? Place{} : place;
}

// The index into w that the formula's tap r means.
Extents tap_index(const Problem& p, Extents r) {
  for (std::size_t i = 0; p.flip && i < p.rank(); ++i) r[i] = p.axes[i].filter - 1 - r[i];
  return r;
}

double conjugate(double value) { return value; }
WideUnsigned conjugate(WideUnsigned value) { return value; }
std::complex<double> conjugate(std::complex<double> value) { return std::conj(value); }

// The three maps for one accumulator type: double, complex<double>, or exact integers.
template <typename Accumulator>
class Sums {
 public:
  Sums(const Problem& p, const RunArguments& arguments)
      : p_(p),
        arguments_(arguments),
        x_(x_strides(p)),
        w_(w_strides(p)),
        y_(y_strides(p)),
        group_inputs_(p.in_channels / p.groups),
        group_outputs_(p.out_channels / p.groups) {}

  // y[b,k,o] = sum over c, r of w[k,c,r] X[b,c,place]
  void forward() const {
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      for (std::int64_t k = 0; k < p_.out_channels; ++k) {
        for_each_index(output_extents(p_), [&](std::int64_t, const Extents& o) {
          Accumulator sum = 0;
          for (std::int64_t c = 0; c < group_inputs_; ++c) {
            for_each_index(filter_extents(p_), [&](std::int64_t, const Extents& r) {
              const auto value = input(b, k / group_outputs_ * group_inputs_ + c, o, r);
              if (value) sum += filter(k, c, r) * *value;
            });
          }
          finish(sum, k, offset(y_, b, k, o));
        });
      }
    }
  }

  // dx[b,c,i] = sum over k, o, r whose place is i of  conj(w[k,c,r]) dy[b,k,o]
  void backward_data() const {
    auto* sums = reinterpret_cast<Accumulator*>(arguments_.workspace);
    const Shape extents = input_extents(p_);
    const Strides compact = compact_strides(extents);
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      for (std::int64_t c = 0; c < p_.in_channels; ++c) {
        std::fill_n(sums, element_count(extents), Accumulator(0));
        const std::int64_t first = c / group_inputs_ * group_outputs_;
        for (std::int64_t k = first; k < first + group_outputs_; ++k) {
          for_each_index(output_extents(p_), [&](std::int64_t, const Extents& o) {
            const Accumulator gradient = load(arguments_.first, p_.output, offset(y_, b, k, o));
            for_each_index(filter_extents(p_), [&](std::int64_t, const Extents& r) {
              const Place place = place_of(p_, o, r);
              if (place.kind != Place::Kind::element) return;
              sums[offset_of(place.index, compact)] +=
                  conjugate(filter(k, c % group_inputs_, r)) * gradient;
            });
          });
        }
        for_each_index(extents, [&](std::int64_t position, const Extents& i) {
          finish(sums[position], c, offset(x_, b, c, i));
        });
      }
    }
  }

  // dw[k,c,r] = sum over b, o of conj(X[b,c,place]) dy[b,k,o]
  void backward_filter() const {
    for (std::int64_t k = 0; k < p_.out_channels; ++k) {
      for (std::int64_t c = 0; c < group_inputs_; ++c) {
        for_each_index(filter_extents(p_), [&](std::int64_t, const Extents& r) {
          Accumulator sum = 0;
          for (std::int64_t b = 0; b < p_.batch; ++b) {
            for_each_index(output_extents(p_), [&](std::int64_t, const Extents& o) {
              const auto value = input(b, k / group_outputs_ * group_inputs_ + c, o, r);
              if (!value) return;
              const Accumulator gradient = load(arguments_.second, p_.output, offset(y_, b, k, o));
              // y = conj(w) X is linear in conj(w), hence the conjugate of the whole.
              sum += p_.conjugate ? *value * conjugate(gradient) : conjugate(*value) * gradient;
            });
          }
          finish(sum, k, offset(w_, k, c, tap_index(p_, r)));
        });
      }
    }
  }

 private:
  static std::int64_t offset(const TensorStrides& strides, std::int64_t outer, std::int64_t channel,
                             const Extents& index) {
    return outer * strides.outer + channel * strides.channel + offset_of(index, strides.spatial);
  }

  static Accumulator load(const void* data, DType type, std::int64_t offset) {
    return visit_dtype(type, [&](auto element) {
      return load_element<Accumulator>(static_cast<const decltype(element)*>(data)[offset]);
    });
  }

  // X at the place that output o meets with tap r, if anything stands there.
  std::optional<Accumulator> input(std::int64_t b, std::int64_t c, const Extents& o,
                                   const Extents& r) const {
    const Place place = place_of(p_, o, r);
    if (place.kind == Place::Kind::nothing) return std::nullopt;
    if (place.kind == Place::Kind::element) {
      return load(arguments_.first, p_.input, offset(x_, b, c, place.index));
    }
    if constexpr (std::is_same_v<Accumulator, WideUnsigned>) {
      return static_cast<WideUnsigned>(static_cast<WideSigned>(place.value.real()));
    } else {
      return visit_dtype(p_.input, [&](auto element) {  // rounded as an element would be
        using T = decltype(element);
        return load_element<Accumulator>(store_element<T>(place.value, StoreRule{}));
      });
    }
  }

  Accumulator filter(std::int64_t k, std::int64_t c, const Extents& r) const {
    const Accumulator w = load(arguments_.second, p_.filter, offset(w_, k, c, tap_index(p_, r)));
    return p_.conjugate ? conjugate(w) : w;
  }

  void finish(Accumulator sum, std::int64_t channel, std::int64_t offset) const {
    const StoreRule rule{p_.overflow, p_.rounding};
    const Accumulator bias =
        p_.epilogue.bias ? load(arguments_.bias, p_.bias_dtype(), channel) : Accumulator(0);
    visit_dtype(p_.result_dtype(), [&](auto element) {
      auto* result = static_cast<decltype(element)*>(arguments_.result);
      finish_element(p_.epilogue, rule, sum, bias, result[offset]);
    });
  }

  const Problem& p_;
  const RunArguments& arguments_;
  TensorStrides x_, w_, y_;
  std::int64_t group_inputs_, group_outputs_;
};

template <typename Accumulator>
void run_sums(const Problem& p, const RunArguments& arguments) {
  const Sums<Accumulator> sums(p, arguments);
  switch (p.pass) {
    case Pass::forward:
      return sums.forward();
    case Pass::backward_data:
      return sums.backward_data();
    case Pass::backward_filter:
      return sums.backward_filter();
  }
}

class ReferenceTask final : public Task {
 public:
  explicit ReferenceTask(const Problem& problem) : p_(problem) {}

  // backward_data scatters; it sums one channel of one image at a time.
  std::size_t workspace_bytes() const override {
    if (p_.pass != Pass::backward_data) return 0;
    return static_cast<std::size_t>(element_count(input_extents(p_))) * 16;
  }

  ErrorBound error_bound() const override {
    if (is_integer(p_.accumulator)) return {};
    const double terms = element_count(p_.result_shape()) > 0 ? longest_sum(p_) : 0;
    return {ErrorBound::Kind::elementwise,
            sum_error(terms, is_complex(p_.accumulator) ? c128 : f64)};
  }

  std::string policy() const override { return "the definition, sums in double or exact integers"; }

  void run(const RunArguments& arguments) const override {
    if (is_complex(p_.accumulator)) {
      run_sums<std::complex<double>>(p_, arguments);
    } else if (is_integer(p_.accumulator)) {
      run_sums<WideUnsigned>(p_, arguments);
    } else {
      run_sums<double>(p_, arguments);
    }
  }

 private:
  Problem p_;
};

constexpr Way<Problem> all_ways[] = {
    {.name = "definition",
     .takes = "everything",
     .serves = [](const Problem&) { return true; },
     // About 20 ns a product, measured on one core of a Zen 4 server at ranks 1 to 3.
     .us =
         [](const Problem& p) {
           constexpr double start_us = 14;  // with cold caches, as the other engines count it
           return start_us + 0.02 * p.multiply_adds();
         },
     .make = [](const Problem& p) -> std::unique_ptr<Task> {
       return std::make_unique<ReferenceTask>(p);
     }},
};

class ReferenceEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.reference"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  bool takes_empty_tensors() const override { return true; }
  std::vector<WayText> ways() const override { return texts<Way<Problem>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device&, std::string_view wanted) const override {
    return offer_of<Problem>(all_ways, p, wanted);
  }
};

}  // namespace

const Engine& reference_engine() {
  static const ReferenceEngine engine;
  return engine;
}

}  // namespace faltung
