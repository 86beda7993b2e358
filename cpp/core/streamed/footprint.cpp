#include "cpp/core/streamed/footprint.hpp"

#include <algorithm>

#include <faltung/allocator.hpp>

namespace faltung::streamed {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

Slots slots_of(const std::vector<Piece>& pieces, Box Piece::*which, DType dtype) {
  Slots slots{0, 1, 0};
  for (const Piece& piece : pieces) {
    slots.bytes = std::max(slots.bytes, aligned((piece.*which).bytes(dtype)));
    if (piece.*which != pieces.front().*which) slots.count = ring;
  }
  return slots;
}

}  // namespace

Footprint footprint(const Problem& p, const Pieces& made) {
  const bool data = p.pass == Pass::backward_data;
  const bool filter = p.pass == Pass::backward_filter;
  Footprint all;
  all.operands[0] = slots_of(made.pieces, &Piece::first, data ? p.output : p.input);
  all.operands[1] = slots_of(made.pieces, &Piece::second, filter ? p.output : p.filter);
  all.results = slots_of(made.pieces, &Piece::result, p.result_dtype());
  all.operands[1].offset = all.operands[0].end();
  all.results.offset = all.operands[1].end();
  all.bias_offset = all.results.end();
  const auto channels = static_cast<std::size_t>(p.epilogue.bias ? p.result_channels() : 0);
  all.workspace_offset = all.bias_offset + aligned(channels * size_of(p.bias_dtype()));
  all.largest_copy = std::max({all.operands[0].bytes, all.operands[1].bytes, all.results.bytes});
  return all;
}

}  // namespace faltung::streamed
