#include "tests/emulator/bulk_copy.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/memory_checker.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace faltung::emulator {
namespace {

/// Where a load lands: one per block of a multicast.
struct Target {
  std::byte* shared;
  MbarrierState* barrier;
};

/// Visits what a copy moves in global memory, piece after piece where they adjoin: a swizzle
/// scatters a row in shared memory, but it is one request.
template <typename Visit>
void each_run(const std::vector<Piece>& pieces, Visit visit) {
  for (std::size_t i = 0; i < pieces.size();) {
    std::byte* const begin = pieces[i].global;
    std::byte* end = begin;
    for (; i < pieces.size() && pieces[i].global == end; ++i) end += pieces[i].bytes;
    visit(begin, static_cast<std::size_t>(end - begin));
  }
}

/// Issues a load of `bytes` at `shared`; what no piece brings is filled.
void issue_load(std::vector<Piece> pieces, std::byte* shared, std::size_t bytes, int fill,
                const void* mbarrier, unsigned blocks, const Where& where) {
  Execution& run = execution();
  each_run(pieces, [&](std::byte* global, std::size_t count) {
    Allocation& source = find_allocation(global, count, "bulk load", where);
    source.shadow.access(Access::read, source.offset(global), count, where);
    count_bulk_global(Access::read, global, count);
  });
  std::vector<Target> targets;
  for (int rank = 0; rank < static_cast<int>(run.blocks.size()); ++rank) {
    if (!(blocks >> rank & 1u)) continue;
    const std::ptrdiff_t shift = rank_distance(rank);
    MbarrierState& barrier =
        find_mbarrier(static_cast<const std::byte*>(mbarrier) + shift, true, where);
    ++barrier.copies;
    run.shared_shadow().begin_async_write(run.shared_offset(shared + shift), bytes, true, where);
    targets.push_back({shared + shift, &barrier});
  }
  if (targets.empty() || blocks >> run.blocks.size() != 0) {
    fail(Check::invalid_tensor_copy,
         "multicast to block mask " + std::to_string(blocks) + " of a cluster of " +
             std::to_string(run.blocks.size()),
         where);
  }
  run.in_flight.push_back([pieces = std::move(pieces), targets = std::move(targets), bytes, fill] {
    Execution& now = execution();
    for (const Target& target : targets) {
      std::memset(target.shared, fill, bytes);
      for (const Piece& piece : pieces) {
        std::memcpy(target.shared + piece.offset, piece.global, piece.bytes);
      }
      now.shared_shadow().end_async_write(now.shared_offset(target.shared), bytes,
                                          {target.barrier->agent, ++target.barrier->copy}, true);
      complete_bytes(*target.barrier, static_cast<std::int64_t>(bytes));
    }
  });
}

/// The pieces of a box. A swizzle keeps 16 bytes together.
std::vector<Piece> tensor_pieces(const EncodedMap& map, const TensorTransfer& transfer) {
  std::vector<Piece> pieces;
  const std::uint32_t base = shared_address(transfer.shared);
  each_row(map, transfer, [&](const BoxRow& row) {
    for (std::size_t done = 0; done < row.bytes;) {
      const std::size_t begin = row.skipped + done;
      const std::size_t chunk = map.swizzle_bytes == 0 ? row.bytes : 16 - begin % 16;
      const std::size_t bytes = std::min(chunk, row.bytes - done);
      const auto address = static_cast<std::uint32_t>(base + row.shared_offset + begin);
      pieces.push_back({swizzled(address, map.swizzle_bytes) - base, row.global + done, bytes});
      done += bytes;
    }
  });
  return pieces;
}

void issue_store(std::vector<Piece> pieces, std::byte* shared, std::size_t bytes,
                 const Where& where) {
  Execution& run = execution();
  run.shared_shadow().begin_async_read(run.shared_offset(shared), bytes, where);
  each_run(pieces, [&](std::byte* global, std::size_t count) {
    Allocation& target = find_allocation(global, count, "bulk store", where);
    target.shadow.begin_async_write(target.offset(global), count, true, where);
    count_bulk_global(Access::write, global, count);
  });
  self().stores.uncommitted.push_back({std::move(pieces), shared, bytes, {}});
}

void read_shared(StoreQueue::Group& group, const Thread& thread) {
  if (std::exchange(group.has_read, true)) return;
  Execution& run = execution();
  for (BulkStore& store : group.stores) {
    store.data.assign(store.shared, store.shared + store.bytes);
    run.shared_shadow().end_async_read(run.shared_offset(store.shared), store.bytes,
                                       thread.clock.now());
  }
}

void write_global(const StoreQueue::Group& group, const Thread& thread) {
  for (const BulkStore& store : group.stores) {
    for (const Piece& piece : store.pieces) {
      std::memcpy(piece.global, store.data.data() + piece.offset, piece.bytes);
      Allocation& target = find_allocation(piece.global, piece.bytes, "bulk store", {});
      target.shadow.end_async_write(target.offset(piece.global), piece.bytes, thread.clock.now(),
                                    true);
    }
  }
}

void check_bulk(const void* shared, const Bounds& bounds, const void* global, int bytes,
                Access kind, const Where& where) {
  if (bytes <= 0 || bytes % 16 != 0) {
    fail(Check::misaligned_access,
         "bulk copy of " + std::to_string(bytes) + " bytes; it moves multiples of 16", where);
  }
  check_shared_range(kind, shared, static_cast<std::size_t>(bytes), bounds, where);
  check_alignment(shared, 16, "shared", where);
  check_alignment(global, 16, "global", where);
}

EncodedMap check_tensor(const TensorTransfer& transfer, Access kind, const Where& where) {
  const EncodedMap map = decode(transfer, where);
  check_shared_range(kind, transfer.shared, box_bytes(map), transfer.bounds, where);
  check_alignment(transfer.shared, 128, "shared", where);
  return map;
}

unsigned own_block() { return 1u << self().block->rank; }

}  // namespace

[[gnu::noinline]] void bulk_load(void* to, const Bounds& bounds, const void* from, int bytes,
                                 void* mbarrier) {
  require_capability(9, "cp.async.bulk");
  const Where where = Where::at(__builtin_return_address(0));
  check_bulk(to, bounds, from, bytes, Access::write, where);
  auto* global = static_cast<std::byte*>(const_cast<void*>(from));
  const auto size = static_cast<std::size_t>(bytes);
  issue_load({{0, global, size}}, static_cast<std::byte*>(to), size, 0, mbarrier, own_block(),
             where);
}

[[gnu::noinline]] void bulk_store(void* to, const void* from, const Bounds& bounds, int bytes) {
  require_capability(9, "cp.async.bulk");
  const Where where = Where::at(__builtin_return_address(0));
  check_bulk(from, bounds, to, bytes, Access::read, where);
  auto* shared = static_cast<std::byte*>(const_cast<void*>(from));
  const auto size = static_cast<std::size_t>(bytes);
  issue_store({{0, static_cast<std::byte*>(to), size}}, shared, size, where);
}

[[gnu::noinline]] void tensor_load(const TensorTransfer& transfer) {
  require_capability(9, "cp.async.bulk.tensor");
  const Where where = Where::at(__builtin_return_address(0));
  const EncodedMap map = check_tensor(transfer, Access::write, where);
  issue_load(tensor_pieces(map, transfer), static_cast<std::byte*>(transfer.shared), box_bytes(map),
             map.fill_nan ? poison_byte : 0, transfer.mbarrier,
             transfer.blocks == 0 ? own_block() : transfer.blocks, where);
}

[[gnu::noinline]] void tensor_store(const TensorTransfer& transfer) {
  require_capability(9, "cp.async.bulk.tensor");
  const Where where = Where::at(__builtin_return_address(0));
  const EncodedMap map = check_tensor(transfer, Access::read, where);
  issue_store(tensor_pieces(map, transfer), static_cast<std::byte*>(transfer.shared),
              box_bytes(map), where);
}

void bulk_commit() {
  StoreQueue& stores = self().stores;
  stores.groups.push_back({std::exchange(stores.uncommitted, {}), false});
}

void bulk_wait(unsigned still_pending, bool read_only) {
  StoreQueue& stores = self().stores;
  if (stores.groups.size() <= still_pending) return;
  const std::size_t done = stores.groups.size() - still_pending;
  for (std::size_t i = 0; i < done; ++i) read_shared(stores.groups[i], self());
  if (read_only) return;
  for (std::size_t i = 0; i < done; ++i) {
    write_global(stores.groups.front(), self());
    stores.groups.erase(stores.groups.begin());
  }
}

void finish_stores(Thread& thread) {
  bool left = !thread.stores.uncommitted.empty();
  for (const StoreQueue::Group& group : thread.stores.groups) {
    left = left || (!group.has_read && !group.stores.empty());
  }
  if (left) {
    fail(Check::copy_left_in_flight, execution().describe(static_cast<Agent>(thread.id)) +
                                         " exits before its bulk stores have read shared memory");
  }
  for (const StoreQueue::Group& group : thread.stores.groups) write_global(group, thread);
  thread.stores = {};
}

}  // namespace faltung::emulator
