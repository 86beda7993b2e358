#include "cpp/cpu/reference_engine.hpp"

#include <algorithm>
#include <complex>
#include <type_traits>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/way.hpp"
#include "cpp/cpu/epilogue.hpp"
#include "cpp/cpu/error_terms.hpp"

namespace faltung {
namespace {

// What stands at one place of the extended, dilated input: nothing (zeros outside and between
// elements contribute nothing, even times infinity), a constant, or an element.
struct Place {
  enum class Kind { nothing, between_elements, constant, element } kind = Kind::element;
  const std::complex<double>* value = nullptr;  // of a constant
  std::int64_t offset = 0;                      // of an element, within its plane
  std::int64_t other = 0;                       // of what meets it, within that one's plane
};

// `place`, which holds what the slower axes say, with index `position` of the next one. Where
// several axes are outside, the slowest decides.
Place narrowed(Place place, const Axis& axis, std::int64_t position, std::int64_t stride) {
  if (place.kind == Place::Kind::nothing || place.kind == Place::Kind::constant) return place;
  const Boundary& boundary = position < 0 ? axis.below : axis.above;
  const std::int64_t j = extend_index(boundary.kind, position, axis.dilated_input());
  if (j == outside) {
    const bool constant = boundary.kind == BoundaryKind::constant;
    place.kind = constant ? Place::Kind::constant : Place::Kind::nothing;
    place.value = &boundary.value;
  } else if (axis.input_dilation == 1) {
    place.offset += j * stride;
  } else {
    if (j % axis.input_dilation != 0) place.kind = Place::Kind::between_elements;
    place.offset += j / axis.input_dilation * stride;
  }
  return place;
}

// The places that one output meets with all taps, or one tap with all outputs.
struct Walk {
  const Problem& problem;
  const Strides& strides;  // of what has the places
  Extents start;           // position of the first place of each axis
  Extents step, count;     // of positions
  Strides other;           // of what meets the places
  std::int64_t other_start;

  // f(place) for all that are something, last axis fastest.
  template <typename F>
  void for_each(const F& f) const {
    const std::size_t last = problem.rank() - 1;
    Shape slower;
    for (std::size_t i = 0; i < last; ++i) slower.push_back(count[i]);
    for_each_index(slower, [&](std::int64_t, const Extents& index) {
      Place row{.other = other_start};
      for (std::size_t i = 0; i < last; ++i) row = moved(row, i, index[i]);
      if (row.kind == Place::Kind::nothing) return;
      // Most places are elements of the input itself, or between them, and quickly found.
      const Axis& axis = problem.axes[last];
      const std::int64_t inside = row.kind == Place::Kind::element ? axis.dilated_input() : 0;
      const std::int64_t begin = start[last], by = step[last], stride = strides[last];
      const std::int64_t end = count[last], other_by = other[last];
      const std::int64_t dilation = axis.input_dilation;
      for (std::int64_t i = 0; i < end; ++i) {
        const std::int64_t position = begin + i * by;
        if (position >= 0 && position < inside) {
          if (dilation > 1 && position % dilation != 0) continue;
          const std::int64_t j = dilation > 1 ? position / dilation : position;
          f({.offset = row.offset + j * stride, .other = row.other + i * other_by});
          continue;
        }
        const Place place = moved(row, last, i);
        if (place.kind >= Place::Kind::constant) f(place);
      }
    });
  }

  // `place`, and index `i` of the next axis.
  Place moved(Place place, std::size_t axis, std::int64_t i) const {
    place.other += i * other[axis];
    return narrowed(place, problem.axes[axis], start[axis] + i * step[axis], strides[axis]);
  }
};

double conjugate(double value) { return value; }
WideUnsigned conjugate(WideUnsigned value) { return value; }
std::complex<double> conjugate(std::complex<double> value) { return std::conj(value); }

double product(double a, double b) { return a * b; }
WideUnsigned product(WideUnsigned a, WideUnsigned b) { return a * b; }
// The textbook's: where a part is not finite, the operator of std::complex may save the other.
std::complex<double> product(std::complex<double> a, std::complex<double> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// Complex products are the textbook's: where a part is not finite, nothing is done to save the
// other.
//
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
          const Walk taps = taps_at(o, x_.spatial);
          for (std::int64_t i = 0; i < group_inputs_; ++i) {
            const std::int64_t c = k / group_outputs_ * group_inputs_ + i;
            taps.for_each([&](const Place& place) {
              sum += product(filter(k, i, place), input(b, c, place));
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
            taps_at(o, compact).for_each([&](const Place& place) {
              if (place.kind != Place::Kind::element) return;
              sums[place.offset] +=
                  product(conjugate(filter(k, c % group_inputs_, place)), gradient);
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
      for (std::int64_t i = 0; i < group_inputs_; ++i) {
        const std::int64_t c = k / group_outputs_ * group_inputs_ + i;
        for_each_index(filter_extents(p_), [&](std::int64_t, const Extents& r) {
          Accumulator sum = 0;
          const Walk outputs = outputs_at(r);
          for (std::int64_t b = 0; b < p_.batch; ++b) {
            outputs.for_each([&](const Place& place) {
              const Accumulator value = input(b, c, place);
              const Accumulator gradient =
                  load(arguments_.second, p_.output, b * y_.outer + k * y_.channel + place.other);
              // y = conj(w) X is linear in conj(w), hence the conjugate of the whole.
              sum += p_.conjugate ? product(value, conjugate(gradient))
                                  : product(conjugate(value), gradient);
            });
          }
          finish(sum, k, offset(w_, k, i, tap_index(r)));
        });
      }
    }
  }

 private:
  // What output o meets with each tap; `strides` are of the input's planes.
  Walk taps_at(const Extents& o, const Strides& strides) const {
    Walk walk{p_, strides, {}, {}, filter_extents(p_), {}, 0};
    for (std::size_t i = 0; i < p_.rank(); ++i) {
      const Axis& axis = p_.axes[i];
      walk.start.push_back(o[i] * axis.stride - axis.pad_lo);
      walk.step.push_back(axis.dilation);
      walk.other.push_back(p_.flip ? -w_.spatial[i] : w_.spatial[i]);
      if (p_.flip) walk.other_start += (axis.filter - 1) * w_.spatial[i];
    }
    return walk;
  }

  // What tap r meets with each output.
  Walk outputs_at(const Extents& r) const {
    Walk walk{p_, x_.spatial, {}, {}, output_extents(p_), y_.spatial, 0};
    for (std::size_t i = 0; i < p_.rank(); ++i) {
      const Axis& axis = p_.axes[i];
      walk.start.push_back(r[i] * axis.dilation - axis.pad_lo);
      walk.step.push_back(axis.stride);
    }
    return walk;
  }

  // The index into w that the formula's tap r means.
  Extents tap_index(Extents r) const {
    for (std::size_t i = 0; p_.flip && i < p_.rank(); ++i) r[i] = p_.axes[i].filter - 1 - r[i];
    return r;
  }

  static std::int64_t offset(const TensorStrides& strides, std::int64_t outer, std::int64_t channel,
                             const Extents& index) {
    return outer * strides.outer + channel * strides.channel + offset_of(index, strides.spatial);
  }

  static Accumulator load(const void* data, DType type, std::int64_t offset) {
    return visit_dtype(type, [&](auto element) {
      return load_element<Accumulator>(static_cast<const decltype(element)*>(data)[offset]);
    });
  }

  Accumulator input(std::int64_t b, std::int64_t c, const Place& place) const {
    if (place.kind == Place::Kind::element) {
      return load(arguments_.first, p_.input, b * x_.outer + c * x_.channel + place.offset);
    }
    if constexpr (std::is_same_v<Accumulator, WideUnsigned>) {
      return static_cast<WideUnsigned>(static_cast<WideSigned>(place.value->real()));
    } else {
      return visit_dtype(p_.input, [&](auto element) {  // rounded as an element would be
        using T = decltype(element);
        return load_element<Accumulator>(store_element<T>(*place.value, StoreRule{}));
      });
    }
  }

  Accumulator filter(std::int64_t k, std::int64_t c, const Place& place) const {
    const Accumulator w =
        load(arguments_.second, p_.filter, k * w_.outer + c * w_.channel + place.other);
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
     // Up to 20 ns a product, measured on one core of a Zen 4 server at ranks 1 to 3. Most take 3
     // to 10, which is not said here: nobody should get the definition for its speed. The start
     // is with cold caches, too.
     .us =
         [](const Problem& p) {
           constexpr double start_cycles = 51'800, product_cycles = 74;
           return 1e-3 * cpu_machine().cycle_ns() *
                  (start_cycles + product_cycles * p.multiply_adds());
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
