#include "cpp/core/streamed/device_run.hpp"

#include <algorithm>
#include <limits>

#include <faltung/dtype.hpp>

namespace faltung::streamed {
namespace {

// Events, by number: two of each.
constexpr int arrived = 0, computed = 2, gone = 4, staged_in = 6, staged_out = 8;

int event(int kind, std::size_t number) { return kind + static_cast<int>(number % 2); }

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

}  // namespace

bool DeviceRun::is_direct(const void* data, const RunCursor& cursor, std::size_t bytes) const {
  if (memory_.staging_bytes == 0) return true;
  const auto mean = bytes / static_cast<std::size_t>(std::max<std::int64_t>(cursor.count(), 1));
  return lanes_.copies_directly(data) && (mean >= lanes_.worthwhile_copy() || mean == bytes);
}

void DeviceRun::upload(const ConstTensorView& tensor, const Box& box, std::byte* to) {
  RunCursor cursor(box, tensor.strides, size_of(tensor.dtype));
  const auto* data = static_cast<const std::byte*>(tensor.data);
  const std::size_t bytes = box.bytes(tensor.dtype);
  if (is_direct(data, cursor, bytes)) {
    while (const auto run = cursor.next(no_limit)) {
      lanes_.copy(Lane::in, to + run->compact, data + run->tensor, run->bytes);
    }
    return;
  }
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t buffer = next_in_++ % 2;
    lanes_.wait_here(event(staged_in, buffer));
    std::size_t filled = 0;
    while (filled < memory_.staging_bytes) {
      const auto run = cursor.next(memory_.staging_bytes - filled);
      if (!run) break;
      copy_run(memory_.in[buffer] + filled, data + run->tensor, run->bytes);
      filled += run->bytes;
    }
    lanes_.copy(Lane::in, to + done, memory_.in[buffer], filled);
    lanes_.record(event(staged_in, buffer), Lane::in);
    done += filled;
  }
}

void DeviceRun::upload_operand(int which, const Box& box, const ConstTensorView& tensor) {
  const auto index = static_cast<std::size_t>(which);
  const Slots& slots = layout_.operands[index];
  std::optional<Box>& there = held_[index][pieces_ % slots.count];
  if (there == box) return;
  upload(tensor, box, place(slots, pieces_));
  there = box;
}

void DeviceRun::add(const Piece& piece, const Problem& problem, const Start& start) {
  // The places of this piece are free when the piece before the last has been computed, and its
  // result is gone.
  if (pieces_ >= ring) lanes_.wait(Lane::in, event(computed, pieces_));
  upload_operand(0, piece.first, host_.first);
  upload_operand(1, piece.second, host_.second);
  std::byte* const bias = memory_.data + layout_.bias_offset;
  if (pieces_ == 0 && host_.bias.data != nullptr) {
    const Shape& all = host_.bias.shape;
    Box box{Extents::filled(1, 0), all, 0, {{0, all[0], 1}}};
    upload(host_.bias, box, bias);
  }
  std::byte* const result = place(layout_.results, results_);
  const bool reads_result = piece.begins && problem.epilogue.beta != 0;
  if (reads_result) {
    if (results_ >= ring) lanes_.wait(Lane::in, event(gone, results_));
    upload(host_.result, piece.result, result);
  }
  lanes_.record(event(arrived, pieces_), Lane::in);

  lanes_.wait(Lane::compute, event(arrived, pieces_));
  if (piece.begins && results_ >= ring) lanes_.wait(Lane::compute, event(gone, results_));
  const auto view = [&](std::byte* data, const ConstTensorView& like, const Shape& shape) {
    return TensorView{data, like.dtype, shape, compact_strides(shape), device_};
  };
  ConstTensorView bias_view;
  if (problem.epilogue.bias) {
    const auto skipped = static_cast<std::size_t>(piece.bias_first) * size_of(host_.bias.dtype);
    bias_view = view(bias + skipped, host_.bias, {problem.result_channels()});
  }
  start(view(place(layout_.operands[0], pieces_), host_.first, piece.first.shape),
        view(place(layout_.operands[1], pieces_), host_.second, piece.second.shape),
        view(result, host_.result, piece.result.shape), bias_view);
  lanes_.record(event(computed, pieces_), Lane::compute);

  // The result before this one, so that what the host waits for is behind work that it has begun.
  if (waiting_) download(*waiting_);
  waiting_.reset();
  if (piece.ends) {
    lanes_.wait(Lane::out, event(computed, pieces_));
    waiting_ = Download{piece.result, results_++};
  }
  ++pieces_;
}

void DeviceRun::download(const Download& wanted) {
  const TensorView& tensor = host_.result;
  RunCursor cursor(wanted.box, tensor.strides, size_of(tensor.dtype));
  auto* const data = static_cast<std::byte*>(tensor.data);
  const std::byte* const from = place(layout_.results, wanted.slot);
  const std::size_t bytes = wanted.box.bytes(tensor.dtype);
  if (is_direct(data, cursor, bytes)) {
    while (const auto run = cursor.next(no_limit)) {
      lanes_.copy(Lane::out, data + run->tensor, from + run->compact, run->bytes);
    }
  } else {
    for (std::size_t done = 0; done < bytes;) {
      const std::size_t buffer = next_out_++ % 2;
      land(buffer);
      const std::size_t part = std::min(memory_.staging_bytes, bytes - done);
      lanes_.copy(Lane::out, memory_.out[buffer], from + done, part);
      lanes_.record(event(staged_out, buffer), Lane::out);
      landings_[buffer] = Landing{cursor, done, part};
      for (std::size_t left = part; left > 0;) left -= cursor.next(left)->bytes;
      done += part;
    }
  }
  lanes_.record(event(gone, wanted.slot), Lane::out);
}

void DeviceRun::land(std::size_t buffer) {
  std::optional<Landing>& landing = landings_[buffer];
  if (!landing) return;
  lanes_.wait_here(event(staged_out, buffer));
  auto* const data = static_cast<std::byte*>(host_.result.data);
  for (std::size_t left = landing->bytes; left > 0;) {
    const Run run = *landing->cursor.next(left);
    copy_run(data + run.tensor, memory_.out[buffer] + (run.compact - landing->offset), run.bytes);
    left -= run.bytes;
  }
  landing.reset();
}

void DeviceRun::finish() {
  if (waiting_) download(*waiting_);
  waiting_.reset();
  land(next_out_ % 2);  // the older one first
  land((next_out_ + 1) % 2);
  lanes_.finish();
}

}  // namespace faltung::streamed
