#pragma once

#include <cstdint>
#include <memory>

#include "cpp/core/engine.hpp"

namespace faltung {

/// Whether sums are those of a filter on single images. Of an image that is filtered in parts, with
/// the elements around each, the parts have the bits of the whole (faltung.dask): extents must not
/// change the order of such sums.
[[nodiscard]] inline bool keeps_order_in_parts(const Problem& p) {
  return p.in_channels == p.groups && p.out_channels == p.groups;
}

/// A problem with the same results that the kernels know better, and what its operands are. So what
/// differs from a common problem in its form alone is as fast as that one:
///
///   taps that meet nothing    are left out: a 3x3 filter on an image of 1x1 has one tap
///   axes of one element       are left out
///   more than three axes      are joined where filters have one tap
///   filters that cover the    image make one axis of channels of the channels and the image
///   filter gradients          with input dilation exchange their operands, which makes it a stride
///   one place of an image     makes a product of matrices, whose larger factor becomes the image
struct SimplerProblem {
  Problem problem;
  std::int64_t filter_offset = 0;  ///< from the first element of w to that of the problem's
  bool exchanged = false;          ///< its operands are the second and the first

  /// @param p  valid; with empty tensors it stays as it is
  explicit SimplerProblem(const Problem& p);
  /// The problem as it is.
  [[nodiscard]] static SimplerProblem as_given(const Problem& p) { return SimplerProblem(p, {}); }

  /// A task of `problem`, as one of the problem that this was made of.
  [[nodiscard]] std::unique_ptr<Task> task(std::unique_ptr<Task> task) const;

 private:
  struct AsGiven {};
  SimplerProblem(const Problem& p, AsGiven) : problem(p), pass_(p.pass), filter_(p.filter) {}

  void leave_out_taps();
  void leave_out_axes();
  void join_axes();
  void join_channels();
  void exchange_gradient();
  void make_product();

  Pass pass_;     // of the problem as it was given
  DType filter_;  // of its filter
};

}  // namespace faltung
