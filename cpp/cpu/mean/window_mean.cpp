#include "cpp/cpu/mean/window_mean.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "cpp/core/machine.hpp"
#include "cpp/core/memory_guard.hpp"
#include "cpp/cpu/mean/line_places.hpp"
#include "cpp/cpu/mean/mean_policy.hpp"
#include "cpp/cpu/mean/means.hpp"
#include "cpp/cpu/mean/panel.hpp"
#include "cpp/cpu/mean/window.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace mean {
namespace {

constexpr std::int64_t alignment = 64;

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

DType real_part(DType type) {
  return type == DType::c64 ? DType::f32 : type == DType::c128 ? DType::f64 : type;
}

struct AlignedDelete {
  void operator()(std::byte* bytes) const {
    ::operator delete[](bytes, std::align_val_t{alignment});
  }
};
using Memory = std::unique_ptr<std::byte[], AlignedDelete>;

Memory make_memory(std::int64_t bytes) {
  return Memory(new (std::align_val_t{alignment}) std::byte[static_cast<std::size_t>(bytes)]);
}

// What one thread works in.
struct Slot {
  std::vector<const std::byte*> from;  // of each line of a panel: its element 0
  std::vector<std::byte*> to;          // and its first result
  Memory line;                         // a piece of one line, extended
  Memory panel, scratch;
  Memory results;  // if they are larger than elements
};

// All lines along one axis.
class Run {
 public:
  Run(const ConstTensorView& x, const TensorView& y, const WindowMean& mean)
      : places_(x, y, mean.axis),
        window_(cut_window(mean.boundary.kind, x.shape[mean.axis], mean.size, mean.pad_lo)),
        means_(make_means(real_part(x.dtype), real_part(y.dtype), mean.size, mean.store)),
        parts_(is_complex(x.dtype) ? 2 : 1) {
    set_constant(mean.boundary, x.dtype);
    extension_ = {mean.boundary.kind, x.shape[mean.axis], constant_};
    cut_ = cut_lines({.lines = places_.count(),
                      .extent = extension_.extent,
                      .size = window_.size,
                      .unit = std::max(places_.from.unit, places_.to.unit)});
  }

  // Whether a line is read as a whole before any of its results is written.
  [[nodiscard]] bool takes_whole_lines() const {
    return cut_.results * (cut_.by_pieces ? cut_.lines : 1) >= extension_.extent;
  }

  void operator()() {
    const std::int64_t count = places_.count();
    const std::int64_t stretches = (extension_.extent + cut_.results - 1) / cut_.results;
    const std::int64_t per_line = cut_.by_pieces ? (stretches + cut_.lines - 1) / cut_.lines : 0;
    const std::int64_t jobs =
        cut_.by_pieces ? count * per_line : (count + cut_.lines - 1) / cut_.lines * stretches;
    const int slots = plan_threads(jobs, microseconds());
    std::vector<Slot> work = make_slots(slots);
    parallel_for(jobs, slots, [&](std::int64_t job, int slot) {
      Slot& mine = work[static_cast<std::size_t>(slot)];
      if (cut_.by_pieces) {
        run_piece(job / per_line, job % per_line * cut_.lines * cut_.results, mine);
      } else {
        run_tile(job / stretches * cut_.lines, job % stretches * cut_.results, mine);
      }
    });
  }

 private:
  void set_constant(const Boundary& boundary, DType type) {
    std::memset(constant_, 0, sizeof(constant_));
    if (boundary.kind != BoundaryKind::constant) return;
    visit_dtype(type, [&](auto element) {
      using T = decltype(element);
      const T value = store_element<T>(boundary.value, StoreRule{});
      std::memcpy(constant_, &value, sizeof(value));
    });
  }

  [[nodiscard]] double microseconds() const {
    return cycles_per_element * cpu_machine().cycle_ns() * 1e-3 *
           static_cast<double>(places_.count() * extension_.extent);
  }

  // Rows of so many lines and results.
  [[nodiscard]] Rows shape_of(std::int64_t lines, std::int64_t results) const {
    return {results, lines * parts_, round_up(lines * parts_, max_vector_lanes), window_.size};
  }
  [[nodiscard]] std::int64_t rows_of(std::int64_t results) const {
    return results + window_.size - 1;
  }
  // Bytes between rows of elements, and of results.
  [[nodiscard]] std::int64_t pitch_of(const Rows& shape, const Lines& lines) const {
    return shape.pitch * lines.unit / parts_;
  }

  std::vector<Slot> make_slots(int count) const {
    const Rows shape = shape_of(cut_.lines, cut_.results);
    const std::int64_t rows = rows_of(cut_.results);
    const std::int64_t panel = rows * pitch_of(shape, places_.from);
    const std::int64_t results =
        places_.to.unit > places_.from.unit ? cut_.results * pitch_of(shape, places_.to) : 0;
    const std::int64_t scratch = means_->scratch_bytes(shape);
    const std::int64_t line =
        cut_.by_pieces ? (cut_.lines * cut_.results + window_.size - 1) * places_.from.unit : 0;
    const auto bytes = static_cast<std::uint64_t>(count) *
                       static_cast<std::uint64_t>(panel + results + scratch + line);
    return with_memory("lines side by side", bytes, [&] {
      std::vector<Slot> slots(static_cast<std::size_t>(count));
      for (Slot& slot : slots) {
        slot.from.resize(static_cast<std::size_t>(cut_.lines));
        slot.to.resize(static_cast<std::size_t>(cut_.lines));
        slot.panel = make_memory(panel);
        slot.scratch = make_memory(scratch);
        if (results > 0) slot.results = make_memory(results);
        if (line > 0) slot.line = make_memory(line);
      }
      return slots;
    });
  }

  template <typename Pointer>
  static bool adjoin(const std::vector<Pointer>& lines, std::int64_t count, std::int64_t unit) {
    if (count == 1) return false;
    for (std::int64_t l = 1; l < count; ++l) {
      const auto i = static_cast<std::size_t>(l);
      if (lines[i] - lines[i - 1] != unit) return false;
    }
    return true;
  }

  // What all windows of the lines have beside their rows.
  void set_base(const Rows& shape, Lines lines, const std::byte* const* elements,
                const Slot& slot) const {
    std::byte* const scratch = slot.scratch.get();
    means_->clear_base(shape, scratch);
    const auto add = [&](std::int64_t first, std::int64_t count, std::int64_t times) {
      gather(lines, elements, extension_, first, count, slot.panel.get(), pitch_of(shape, lines));
      means_->add_to_base(shape, slot.panel.get(), count, times, scratch);
    };
    const std::int64_t max = rows_of(shape.results);
    for (std::int64_t j = 0; window_.repeats > 0 && j < window_.repeated; j += max) {
      add(j, std::min(max, window_.repeated - j), window_.repeats);
    }
    if (window_.below > 0) add(-1, 1, window_.below);
    if (window_.above > 0) add(extension_.extent, 1, window_.above);
  }

  // The results of a panel, in memory of the slot.
  const std::byte* run_rows(const Rows& shape, const Slot& slot) const {
    std::byte* const to = slot.results ? slot.results.get() : slot.panel.get();
    means_->run(shape, slot.panel.get(), slot.scratch.get(), to, pitch_of(shape, places_.to));
    return to;
  }

  void run_tile(std::int64_t first_line, std::int64_t first, Slot& slot) const {
    const std::int64_t count = std::min(cut_.lines, places_.count() - first_line);
    const std::int64_t results = std::min(cut_.results, extension_.extent - first);
    const Rows shape = shape_of(count, results);
    places_.find(first_line, count, first, slot.from.data(), slot.to.data());
    Lines from = places_.from, to = places_.to;
    from.count = to.count = count;
    from.adjoin = adjoin(slot.from, count, from.unit);
    to.adjoin = adjoin(slot.to, count, to.unit);
    set_base(shape, from, slot.from.data(), slot);
    gather(from, slot.from.data(), extension_, first - window_.pad_lo, rows_of(results),
           slot.panel.get(), pitch_of(shape, from));
    if (to.adjoin && shape.lanes % max_vector_lanes == 0) {
      means_->run(shape, slot.panel.get(), slot.scratch.get(), slot.to[0], to.step);
      return;
    }
    const std::byte* const rows = run_rows(shape, slot);
    scatter(rows, pitch_of(shape, to), results, to, slot.to.data());
  }

  // Stretches of one line side by side.
  void run_piece(std::int64_t line, std::int64_t first, Slot& slot) const {
    const std::int64_t stretch = cut_.results;
    const std::int64_t results = std::min(cut_.lines * stretch, extension_.extent - first);
    const std::int64_t count = (results + stretch - 1) / stretch;
    const Rows shape = shape_of(count, stretch);
    places_.find(line, 1, first, slot.from.data(), slot.to.data());
    std::fill_n(slot.from.begin(), count, slot.from[0]);
    Lines from = places_.from, to = places_.to;
    from.count = count;
    set_base(shape, from, slot.from.data(), slot);

    Lines alone = places_.from;
    alone.count = 1;
    const std::int64_t elements = count * stretch + window_.size - 1;
    gather(alone, slot.from.data(), extension_, first - window_.pad_lo, elements, slot.line.get(),
           from.unit);
    for (std::int64_t l = 0; l < count; ++l) {
      const auto i = static_cast<std::size_t>(l);
      slot.from[i] = slot.line.get() + l * stretch * from.unit;
      slot.to[i] = slot.to[0] + l * stretch * to.step;
    }
    from.step = from.unit;
    gather(from, slot.from.data(), {BoundaryKind::zero, rows_of(stretch), nullptr}, 0,
           rows_of(stretch), slot.panel.get(), pitch_of(shape, from));
    const std::byte* const rows = run_rows(shape, slot);
    const std::int64_t whole = results / stretch;
    to.count = whole;
    scatter(rows, pitch_of(shape, to), stretch, to, slot.to.data());
    if (whole == count) return;
    to.count = 1;
    scatter(rows + whole * to.unit, pitch_of(shape, to), results - whole * stretch, to,
            slot.to.data() + whole);
  }

  LinePlaces places_;
  Window window_;
  std::unique_ptr<const Means> means_;
  std::int64_t parts_;  // real numbers in an element
  std::byte constant_[sizeof(std::complex<double>)];
  Extension extension_;
  Cut cut_;
};

}  // namespace
}  // namespace mean

bool can_window_mean(DType x, DType y) noexcept { return is_complex(x) == is_complex(y); }

bool can_window_mean_in_place(const TensorView& y, const WindowMean& mean) {
  return element_count(y.shape) == 0 || mean::Run(y, y, mean).takes_whole_lines();
}

void window_mean(const ConstTensorView& x, const TensorView& y, const WindowMean& mean) {
  if (element_count(y.shape) == 0) return;
  mean::Run(x, y, mean)();
}

}  // namespace faltung
