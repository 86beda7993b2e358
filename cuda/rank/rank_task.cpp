#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cuda/rank/rank.hpp"
#include "cuda/rank/rank_launch.hpp"
#include "cuda/rank/rank_lowering.hpp"
#include "cuda/rank/rank_policy.hpp"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda {
namespace rank {
namespace {

using faltung::rank::Window;

enum class Kind : std::uint8_t { extremes, median, select, gather };

/// One pass over an image.
struct Pass {
  Kind kind = Kind::gather;
  BoxGeometry boxes;
  Box box;
  GatherGeometry gather;
  std::int64_t members = 1, rank = 0, run_count = 0;
  std::optional<Tensor> table = std::nullopt;  ///< on the device: runs, or which places are members
};

bool is_extreme(const Window& w) { return w.rank == 0 || w.rank == w.members - 1; }

std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

// Bytes of the device's memory for what the host has made.
template <typename T>
Tensor table_of(const std::vector<T>& values, const Device& device) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(T));
  Tensor table(DType::u8, {bytes});
  std::copy_n(reinterpret_cast<const std::uint8_t*>(values.data()), bytes,
              table.values<std::uint8_t>().data());
  return table.to(device);
}

// The window along one of its axes alone.
Window along(const Window& window, std::size_t axis) {
  Window one = window;
  for (std::size_t i = 0; i < one.extent.size(); ++i) {
    if (i == axis) continue;
    one.extent[i] = 1;
    one.before[i] = 0;
  }
  one.members = one.extent[axis];
  one.rank = window.rank == 0 ? 0 : one.members - 1;
  return one;
}

class Maker {
 public:
  Maker(const ConstTensorView& x, const TensorView& y, const Window& window)
      : x_(x),
        y_(y),
        window_(window),
        key_bytes_(static_cast<int>(size_of(x.dtype))),
        limits_(device_limits(x.device.index)) {}

  [[nodiscard]] std::vector<Pass> make() const {
    const bool boxed = window_.inside.empty() && is_extreme(window_);
    std::optional<Pass> whole = boxed ? extreme(x_, y_, window_) : chosen(x_, y_, window_);
    std::vector<Pass> by_axis = boxed ? along_axes() : std::vector<Pass>{};
    if (!whole) return by_axis;
    double cost = 0;
    for (const Pass& pass : by_axis) cost += pass_cost(pass.boxes, pass.box, key_bytes_);
    const bool boxes =
        std::ranges::all_of(by_axis, [](const Pass& pass) { return pass.kind == Kind::extremes; });
    if (boxes && by_axis.size() > 1 && cost < pass_cost(whole->boxes, whole->box, key_bytes_)) {
      return by_axis;
    }
    by_axis.clear();
    by_axis.push_back(*std::move(whole));
    return by_axis;
  }

 private:
  // An axis that is filtered last decides what stands outside, whatever the others had there: so
  // the one of the lowest precedence, which decides in corners, comes last.
  [[nodiscard]] std::vector<Pass> along_axes() const {
    std::vector<std::size_t> axes;
    for (std::size_t i = window_.extent.size(); i-- > 0;) {
      if (window_.extent[i] > 1) axes.push_back(i);
    }
    const TensorView between{nullptr, x_.dtype, x_.shape, compact_strides(x_.shape), x_.device};
    std::vector<Pass> passes;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const ConstTensorView from = i == 0 ? x_ : ConstTensorView(between);
      const TensorView& to = i + 1 == axes.size() ? y_ : between;
      const Window one = along(window_, axes[i]);
      std::optional<Pass> pass = extreme(from, to, one);
      passes.push_back(pass ? *std::move(pass) : chosen(from, to, one));
    }
    return passes;
  }

  [[nodiscard]] std::optional<Pass> extreme(const ConstTensorView& x, const TensorView& y,
                                            const Window& window) const {
    int order[box_axes];
    const auto g = lower_to_boxes(x, y, window, window.rank != 0, order);
    if (!g) return std::nullopt;
    const auto box = choose_box(*g, key_bytes_, 2, limits_);
    if (!box) return std::nullopt;
    Pass pass;
    pass.kind = Kind::extremes;
    pass.boxes = *g;
    pass.box = *box;
    return pass;
  }

  [[nodiscard]] Pass chosen(const ConstTensorView& x, const TensorView& y,
                            const Window& window) const {
    Pass pass;
    pass.members = window.members;
    pass.rank = window.rank;
    int order[box_axes];
    if (const auto g = lower_to_boxes(x, y, window, false, order)) {
      if (const auto box = choose_box(*g, key_bytes_, 1, limits_)) {
        const bool square = window.inside.empty() && window.rank == window.members / 2;
        pass.kind = square && has_network(*g) ? Kind::median : Kind::select;
        pass.boxes = *g;
        pass.box = *box;
        pass.run_count = g->axis[0].window * g->axis[1].window;
        if (!window.inside.empty()) {
          const std::vector<Run> runs = runs_of(window, order);
          pass.run_count = static_cast<std::int64_t>(runs.size());
          pass.table = table_of(runs, x.device);
        }
        return pass;
      }
    }
    std::vector<std::uint8_t> inside;
    pass.gather = lower_to_gather(x, y, window, inside);
    if (!inside.empty()) pass.table = table_of(inside, x.device);
    return pass;
  }

  const ConstTensorView& x_;
  const TensorView& y_;
  const Window& window_;
  int key_bytes_;
  GpuLimits limits_;
};

class RankTask final : public faltung::rank::Task {
 public:
  RankTask(const ConstTensorView& x, const TensorView& y, const Window& window)
      : passes_(Maker(x, y, window).make()),
        key_bytes_(static_cast<int>(size_of(x.dtype))),
        image_bytes_(aligned(static_cast<std::size_t>(element_count(x.shape)) * size_of(x.dtype))) {
    const DeviceGuard guard(x.device.index);
    start(nullptr, nullptr, nullptr, LaunchQueue::load_only());
  }

  std::size_t workspace_bytes() const override {
    return std::min<std::size_t>(passes_.size() - 1, 2) * image_bytes_;
  }

  std::string policy() const override {
    std::string text;
    for (const Pass& pass : passes_) {
      if (!text.empty()) text += ", ";
      if (pass.kind == Kind::gather) {
        text += "gather";
        continue;
      }
      const int(&box)[box_axes] = pass.box.extent;
      text += message(pass.kind == Kind::extremes ? "extremes"
                      : pass.kind == Kind::median ? "median"
                                                  : "select",
                      " box=", box[0], 'x', box[1], 'x', box[2]);
    }
    return text;
  }

  void run(const ConstTensorView& x, const TensorView& y, const Stream& stream,
           const Workspace& workspace) const override {
    const DeviceGuard guard(stream.device.index);
    start(x.data, y.data, static_cast<std::byte*>(workspace.data),
          static_cast<cudaStream_t>(stream.handle));
  }

 private:
  void start(const void* x, void* y, std::byte* images, LaunchQueue queue) const {
    const void* from = x;
    for (std::size_t i = 0; i < passes_.size(); ++i) {
      void* to = i + 1 == passes_.size() || images == nullptr ? y : images + i % 2 * image_bytes_;
      start(passes_[i], from, to, queue);
      from = to;
    }
  }

  void start(const Pass& pass, const void* x, void* y, LaunchQueue queue) const {
    const void* table = pass.table ? pass.table->data() : nullptr;
    switch (pass.kind) {
      case Kind::extremes:
        return launch_extremes(pass.boxes, pass.box, key_bytes_, x, y, queue);
      case Kind::median:
        return launch_median(pass.boxes, pass.box, key_bytes_, x, y, queue);
      case Kind::select:
        return launch_select(pass.boxes, pass.box, key_bytes_, static_cast<const Run*>(table),
                             pass.run_count, pass.members, pass.rank, x, y, queue);
      case Kind::gather:
        return launch_gather(pass.gather, key_bytes_, static_cast<const std::uint8_t*>(table),
                             pass.members, pass.rank, x, y, queue);
    }
  }

  std::vector<Pass> passes_;
  int key_bytes_;
  std::size_t image_bytes_;
};

}  // namespace
}  // namespace rank

std::unique_ptr<faltung::rank::Task> make_rank_task(const ConstTensorView& x, const TensorView& y,
                                                    const faltung::rank::Window& window) {
  return std::make_unique<rank::RankTask>(x, y, window);
}

}  // namespace faltung::cuda
