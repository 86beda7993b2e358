#include "cpp/core/streamed/model.hpp"

#include <algorithm>
#include <array>

#include <faltung/dtype.hpp>

namespace faltung::streamed {

double Timeline::excess() const {
  const double longest = std::max({in_us, compute_us, out_us});
  return longest == 0 ? 1 : total_us / longest;
}

std::vector<std::size_t> dealt(const Pieces& made, std::size_t device, std::size_t devices) {
  std::vector<std::size_t> mine;
  std::size_t result = 0;
  for (std::size_t i = 0; i < made.pieces.size(); ++i) {
    if (result % devices == device) mine.push_back(i);
    if (made.pieces[i].ends) ++result;
  }
  return mine;
}

Timeline timeline(const Problem& p, const Pieces& made, const std::vector<std::size_t>& mine,
                  const std::vector<double>& estimates_us, const Link& link) {
  const Footprint places = footprint(p, made);
  const bool data = p.pass == Pass::backward_data;
  const bool filter = p.pass == Pass::backward_filter;
  const std::array<DType, 2> types = {data ? p.output : p.input, filter ? p.output : p.filter};
  const auto copied = [&](const Box& box, DType type) {
    return link.copy_us + static_cast<double>(box.bytes(type)) / link.bytes_per_us;
  };
  Timeline times;
  std::array<std::array<const Box*, ring>, 2> held = {};
  std::array<double, ring> computed = {}, gone = {};  // when
  double in = 0, compute = 0, out = 0;                // when each is free
  std::size_t result = 0;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const Piece& piece = made.pieces[mine[i]];
    const Problem& part = made.problems[piece.problem];
    const std::array<const Box*, 2> boxes = {&piece.first, &piece.second};
    double arriving = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      const Box*& there = held[k][i % places.operands[k].count];
      if (there != nullptr && *there == *boxes[k]) continue;
      arriving += copied(*boxes[k], types[k]);
      times.in_bytes += static_cast<double>(boxes[k]->bytes(types[k]));
      there = boxes[k];
    }
    in = std::max(in, computed[i % ring]) + arriving;
    if (piece.begins && part.epilogue.beta != 0) {
      const double before = copied(piece.result, p.result_dtype());
      in = std::max(in, gone[result % ring]) + before;
      arriving += before;
      times.in_bytes += static_cast<double>(piece.result.bytes(p.result_dtype()));
    }
    compute = std::max(compute, in);
    if (piece.begins) compute = std::max(compute, gone[result % ring]);
    compute += estimates_us[piece.problem];
    computed[i % ring] = compute;
    times.in_us += arriving;
    times.compute_us += estimates_us[piece.problem];
    if (!piece.ends) continue;
    const double leaving = copied(piece.result, p.result_dtype());
    out = std::max(out, compute) + leaving;
    gone[result++ % ring] = out;
    times.out_us += leaving;
    times.out_bytes += static_cast<double>(piece.result.bytes(p.result_dtype()));
  }
  times.total_us = std::max(compute, out);
  return times;
}

}  // namespace faltung::streamed
