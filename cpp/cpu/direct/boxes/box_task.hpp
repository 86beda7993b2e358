#pragma once

#include <memory>

#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/direct/boxes/kernel_task.hpp"

namespace faltung::direct {

/// A KernelTask for forward problems of at most three axes whose blocks are boxes of outputs.
class BoxTask : public KernelTask {
 protected:
  /// A block and the workspace of the thread that computes it.
  struct Work : Block {
    std::byte* workspace;
  };

  BoxTask(const Problem& problem, const ThreeAxes& t, const Box& box, std::int64_t groups,
          std::int64_t parts, std::unique_ptr<Task> fallback);

  /// Plans for as many threads as have work.
  void share(double microseconds) { layout_.slots = plan_threads(boxes_.count(), microseconds); }

  /// Calls f(work) for every block.
  template <typename F>
  void for_each_box(const RunArguments& arguments, F&& f) const {
    for_each_block(arguments, boxes_.count(), [&](std::int64_t block, std::byte* workspace) {
      f(Work{boxes_.at(block), workspace});
      if (streams_) flush_stores();
    });
  }

  /// Where the first element of a channel lies in x.
  [[nodiscard]] std::int64_t input_at(const Work& work, std::int64_t channel) const {
    return work.image * x_.outer + channel * x_.channel;
  }
  /// Where the first output of a row of a box lies in y.
  [[nodiscard]] std::int64_t output_at(const Work& work, std::int64_t channel, std::int64_t z,
                                       std::int64_t y) const {
    return work.image * y_.outer + channel * y_.channel + (work.first[0] + z) * t_.y[0] +
           (work.first[1] + y) * t_.y[1] + work.first[2] * t_.y[2];
  }

  Problem p_;
  ThreeAxes t_;
  Box box_;
  Boxes boxes_;
  TensorStrides x_, y_;
  std::int64_t group_inputs_, group_outputs_;
  bool pads_zeros_;               ///< some weight meets a zero beyond a boundary
  bool stores_in_place_ = false;  ///< sums where their results belong
  bool streams_ = false;          ///< past the caches

 private:
  static void flush_stores();
};

}  // namespace faltung::direct
