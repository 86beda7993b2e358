#include "tests/emulator/wgmma.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/tensor_core.hpp"
#include "tests/emulator/tensor_map.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

namespace faltung::emulator {
namespace {

constexpr int rows = 64;

/// A matrix descriptor taken apart, for one operand of one instruction.
struct Operand {
  MatrixType type;
  bool mn_major;
  std::uint32_t address, leading, stride;
  unsigned swizzle_bytes;  ///< 0, 32, 64, 128

  /// The address of element (mn, k). Both layouts are made of 16-byte units; a swizzle moves units
  /// within lines, and a line is as long as the swizzle. Source: PTX manual, wgmma matrix
  /// descriptors; the canonical layouts of CUTLASS's mma_sm90_desc.hpp.
  [[nodiscard]] std::uint32_t element(int mn_index, int k_index) const {
    const auto mn = static_cast<std::uint32_t>(mn_index);
    const auto k = static_cast<std::uint32_t>(k_index);
    const auto size = static_cast<std::uint32_t>(element_bytes(type));
    const std::uint32_t fast = (mn_major ? mn : k) * size;
    const std::uint32_t unit = fast / 16;
    std::uint32_t offset = fast % 16;
    if (!mn_major) {
      offset +=
          swizzle_bytes == 0 ? mn % 8 * 16 + unit * leading : mn % 8 * swizzle_bytes + unit * 16;
      offset += mn / 8 * stride;
    } else if (swizzle_bytes == 0) {
      offset += unit * stride + k % 8 * 16 + k / 8 * leading;
    } else {
      const std::uint32_t units = swizzle_bytes / 16;
      offset += unit % units * 16 + unit / units * leading + k % 8 * swizzle_bytes + k / 8 * stride;
    }
    return swizzled(address + offset, swizzle_bytes);
  }
};

Operand decode_descriptor(std::uint64_t bits, MatrixType type, bool mn_major, const Where& where) {
  constexpr std::array<unsigned, 4> swizzles = {0, 128, 64, 32};
  const auto field = [&](unsigned at) {
    return static_cast<std::uint32_t>((bits >> at & 0x3fffu) << 4);
  };
  const Operand operand{type, mn_major, field(0), field(16), field(32), swizzles[bits >> 62]};
  const unsigned line = operand.swizzle_bytes;
  if ((bits >> 49 & 7u) != 0 || (line != 0 && operand.address % (8 * line) >= line)) {
    fail(Check::invalid_matrix_descriptor,
         "the tile at shared address " + std::to_string(operand.address) +
             " does not begin at a multiple of " + std::to_string(8 * line) +
             " bytes, where its swizzle does; base offsets are not modelled",
         where);
  }
  return operand;
}

/// Visits the shared memory of an operand, 16 bytes at a time.
template <typename Visit>
void each_unit(const Operand& operand, int mn_extent, const Block& block, const Where& where,
               Visit visit) {
  const int per_unit = 16 / static_cast<int>(element_bytes(operand.type));
  const int mn_step = operand.mn_major ? per_unit : 1;
  const int k_step = operand.mn_major ? 1 : per_unit;
  for (int mn = 0; mn < mn_extent; mn += mn_step) {
    for (int k = 0; k < instruction_k(operand.type); k += k_step) {
      const std::uint32_t address = operand.element(mn, k);
      if (address < shared_base || address + 16 > shared_base + execution().shared_end) {
        fail(Check::out_of_bounds_shared,
             "a matrix descriptor reaches shared address " + std::to_string(address) +
                 ", the block's memory is " + std::to_string(shared_base) + " to " +
                 std::to_string(shared_base + execution().shared_end),
             where);
      }
      visit(block.shared + (address - shared_base));
    }
  }
}

/// All elements, K after K of one row of A, or N after N of one row of B.
std::vector<double> read_operand(const Operand& operand, int mn_extent, bool k_fastest,
                                 const Block& block) {
  const int depth = instruction_k(operand.type);
  std::vector<double> values(static_cast<std::size_t>(mn_extent * depth));
  for (int mn = 0; mn < mn_extent; ++mn) {
    for (int k = 0; k < depth; ++k) {
      const int at = k_fastest ? mn * depth + k : k * mn_extent + mn;
      values[static_cast<std::size_t>(at)] =
          decode_element(operand.type, block.shared + (operand.element(mn, k) - shared_base));
    }
  }
  return values;
}

/// A from the registers of all threads, as mma.sync lays out the 16 rows of each warp.
std::vector<double> read_registers(const WgmmaInFlight& operation) {
  const MatrixType type = operation.operation.type;
  const int depth = instruction_k(type);
  const int per_register = 4 / static_cast<int>(element_bytes(type));
  std::vector<double> values(static_cast<std::size_t>(rows * depth));
  for (int row = 0; row < rows; ++row) {
    for (int k = 0; k < depth; ++k) {
      const int thread = row / 16 * 32 + row % 8 * 4 + k / per_register % 4;
      const int index = row / 8 % 2 + 2 * (k / (4 * per_register));
      const auto& registers = operation.a[static_cast<std::size_t>(thread)];
      values[static_cast<std::size_t>(row * depth + k)] = decode_element(
          type, reinterpret_cast<const std::byte*>(&registers[static_cast<std::size_t>(index)]) +
                    k % per_register * static_cast<int>(element_bytes(type)));
    }
  }
  return values;
}

Warpgroup& own_warpgroup(const Where& where) {
  const Thread& thread = self();
  Block& block = *thread.block;
  const auto index = static_cast<std::size_t>(&thread - block.threads.data()) / 128;
  if ((index + 1) * 128 > block.threads.size()) {
    fail(Check::divergent_wgmma, "wgmma by a warp that is not one of four consecutive ones", where);
  }
  if (block.warpgroups.empty()) block.warpgroups.resize(block.threads.size() / 128);
  Warpgroup& group = block.warpgroups[index];
  if (group.agent == 0) group.agent = execution().agents++;
  return group;
}

std::size_t thread_in_group() {
  return static_cast<std::size_t>(&self() - self().block->threads.data()) % 128;
}

/// Applies `visit` to the shared memory that the operation reads.
template <typename Visit>
void each_operand_unit(const Wgmma& operation, const Block& block, const Where& where,
                       Visit visit) {
  if (!operation.a_in_registers) {
    each_unit(decode_descriptor(operation.a, operation.type, operation.a_mn_major, where), rows,
              block, where, visit);
  }
  each_unit(decode_descriptor(operation.b, operation.type, operation.b_mn_major, where),
            operation.n, block, where, visit);
}

void land(WgmmaInFlight& flying, Epoch reader) {
  Execution& run = execution();
  const Block& block = *self().block;
  const Wgmma& op = flying.operation;
  const std::vector<double> a =
      op.a_in_registers
          ? read_registers(flying)
          : read_operand(decode_descriptor(op.a, op.type, op.a_mn_major, flying.where), rows, true,
                         block);
  const std::vector<double> b = read_operand(
      decode_descriptor(op.b, op.type, op.b_mn_major, flying.where), op.n, false, block);
  each_operand_unit(op, block, flying.where, [&](std::byte* unit) {
    // Once for each warp that announced the read.
    for (int warp = 0; warp < 4; ++warp) {
      run.shared_shadow().end_async_read(run.shared_offset(unit), 16, reader);
    }
  });

  const int depth = instruction_k(op.type);
  Thread* first = &self() - thread_in_group();
  std::vector<float> sums(static_cast<std::size_t>(op.n));
  for (int row = 0; row < rows; ++row) {
    // Thread 4 g + t of the row's warp holds columns 8 j + 2 t and the next, in d[4 j + 2 h].
    const auto accumulator = [&](int column) -> float& {
      const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
      float* d = flying.d[static_cast<std::size_t>(thread)];
      const int index = column / 8 * 4 + row / 8 % 2 * 2 + column % 2;
      return first[thread].wgmma.accumulators.at(d).values[static_cast<std::size_t>(index)];
    };
    for (int column = 0; column < op.n; ++column) {
      sums[static_cast<std::size_t>(column)] = op.accumulate ? accumulator(column) : 0.0f;
    }
    multiply_row(sums.data(), &a[static_cast<std::size_t>(row * depth)], b.data(), depth, op.n);
    for (int column = 0; column < op.n; ++column) {
      accumulator(column) = sums[static_cast<std::size_t>(column)];
    }
  }
  flying.landed = true;
  ++run.counters.tensor_instructions;
  run.counters.tensor_multiply_adds += static_cast<std::uint64_t>(rows * op.n * depth);
}

/// The accumulators leave the thread's registers, which hold NaN until it waits.
void take_accumulators(float* d, int count) {
  Accumulators& taken = self().wgmma.accumulators[d];
  if (taken.in_flight++ > 0) return;
  taken.values.assign(d, d + count);
  std::fill_n(d, count, std::numeric_limits<float>::quiet_NaN());
}

void give_accumulators_back(float* d) {
  auto& all = self().wgmma.accumulators;
  const auto found = all.find(d);
  if (--found->second.in_flight > 0) return;
  std::copy(found->second.values.begin(), found->second.values.end(), d);
  all.erase(found);
}

}  // namespace

void wgmma_fence() { self().wgmma.fenced = true; }

[[gnu::noinline]] void wgmma(const Wgmma& operation, float* d, const std::uint32_t* a) {
  if (machine.limits.major != 9) {
    fail(Check::unsupported_instruction, "wgmma exists on compute capability 9.0 alone");
  }
  const Where where = Where::at(__builtin_return_address(0));
  Thread& thread = self();
  Warpgroup& group = own_warpgroup(where);
  if (!thread.wgmma.fenced) {
    fail(Check::missing_wgmma_fence,
         "wgmma after the registers were the thread's own, without wgmma_fence()", where);
  }
  const std::size_t number = thread.wgmma.issued++;
  if (number == group.operations.size()) group.operations.emplace_back().operation = operation;
  WgmmaInFlight& flying = group.operations[number];
  if (!(flying.operation == operation)) {
    fail(Check::divergent_wgmma, "the threads of a warpgroup issue different wgmma", where);
  }
  flying.where = where;
  const std::size_t index = thread_in_group();
  flying.d[index] = d;
  if (a != nullptr) std::copy_n(a, 4, flying.a[index].begin());
  take_accumulators(d, operation.n / 2);
  // Every warp must be allowed to read the tiles; one lane speaks for it.
  if (thread.lane == 0) {
    each_operand_unit(operation, *thread.block, where, [&](std::byte* unit) {
      Execution& run = execution();
      run.shared_shadow().begin_async_read(run.shared_offset(unit), 16, where);
    });
  }
  if (++flying.issued < 128) return;
  for (Thread* waiting : group.waiting) wake(*waiting);
  group.waiting.clear();
}

void wgmma_commit() { self().wgmma.groups.push_back(self().wgmma.issued); }

[[gnu::noinline]] void wgmma_wait(unsigned still_pending) {
  const Where where = Where::at(__builtin_return_address(0));
  WgmmaQueue& queue = self().wgmma;
  if (queue.groups.size() <= still_pending) return;
  Warpgroup& group = own_warpgroup(where);
  while (queue.groups.size() > still_pending) {
    for (; queue.waited < queue.groups.front(); ++queue.waited) {
      WgmmaInFlight& flying = group.operations[queue.waited];
      while (flying.issued < 128) {
        group.waiting.push_back(&self());
        park(Wait::warpgroup, where);
      }
      if (!flying.landed) {
        land(flying, {group.agent, static_cast<std::uint32_t>(queue.waited + 1)});
      }
      give_accumulators_back(flying.d[thread_in_group()]);
    }
    queue.groups.erase(queue.groups.begin());
  }
  queue.fenced = false;
  Release tensor_cores;
  tensor_cores.add({group.agent, static_cast<std::uint32_t>(queue.waited)});
  self().clock.acquire(tensor_cores.take());
}

void finish_wgmma(const Thread& thread) {
  if (thread.wgmma.waited == thread.wgmma.issued) return;
  fail(Check::copy_left_in_flight, execution().describe(static_cast<Agent>(thread.id)) +
                                       " exits without waiting for its wgmma");
}

}  // namespace faltung::emulator
