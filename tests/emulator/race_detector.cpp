#include "tests/emulator/race_detector.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "tests/emulator/async_copy.hpp"
#include "tests/emulator/execution.hpp"
#include "tests/emulator/violation.hpp"

namespace faltung::emulator {
namespace {

std::string at(std::size_t offset) { return " at byte " + std::to_string(offset); }

}  // namespace

void Shadow::reset(std::size_t offset, std::size_t bytes) {
  std::fill_n(cells_.begin() + static_cast<std::ptrdiff_t>(offset / 4), (bytes + 3) / 4, Cell{});
  free_sets_.resize(reader_sets_.size());  // kept for their memory
  std::iota(free_sets_.begin(), free_sets_.end(), 1u);
}

// Once for every word of every access, so what they usually have to do is inlined.
#define EVERY_WORD [[gnu::always_inline]] inline

template <typename Visit>
EVERY_WORD void Shadow::each_word(std::size_t offset, std::size_t bytes, Visit visit) {
  const std::size_t end = offset + bytes;
  for (std::size_t word = offset / 4; word * 4 < end; ++word) {
    unsigned mask = 0xf;
    if (word * 4 < offset) mask &= 0xfu << (offset - word * 4);
    if (word * 4 + 4 > end) mask &= 0xfu >> (word * 4 + 4 - end);
    visit(cells_[word], static_cast<std::uint8_t>(mask), std::max(offset, word * 4));
  }
}

void Shadow::set_valid(std::size_t offset, std::size_t bytes, bool valid) {
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t) {
    cell.valid = static_cast<std::uint8_t>(valid ? cell.valid | mask : cell.valid & ~mask);
  });
}

// Clusters run one after another here but at the same time on a GPU, and nothing orders them. What
// an earlier cluster did is kept as two masks; what an earlier launch did does not matter.
EVERY_WORD void Shadow::refresh(Cell& cell) const {
  if (memory_ == Memory::shared || cell.owner == execution().serial) return;
  const bool same_launch = cell.owner >= execution().first_serial;
  const bool foreign_write = same_launch && !cell.atomic;
  cell.foreign_write = static_cast<std::uint8_t>((same_launch ? cell.foreign_write : 0u) |
                                                 (foreign_write ? cell.write_mask : 0u));
  cell.foreign_read =
      static_cast<std::uint8_t>(same_launch ? cell.foreign_read | cell.read_mask : 0);
  cell.write_mask = cell.read_mask = cell.async_reads = 0;
  cell.owner = execution().serial;
}

void Shadow::report_race(Epoch other, const char* others_act, std::size_t offset, const char* what,
                         const Where& where) const {
  const bool shared = memory_ == Memory::shared;
  fail(shared ? Check::shared_race : Check::global_race,
       std::string(what) + at(offset) + (shared ? " of shared memory" : " of the allocation") +
           " races with a " + others_act + " by " + execution().describe(other.agent) +
           "; no barrier orders them",
       where);
}

// Not yet an error: if the byte is written later by somebody this thread should have waited for,
// the race is the better report. Otherwise this one is made when anything else goes wrong, or at
// the end.
void Shadow::note_unset_read(std::size_t offset, const char* what, const Where& where) const {
  Execution& run = execution();
  if (run.unset_read) return;
  const bool shared = memory_ == Memory::shared;
  run.unset_read = make_violation(Check::unset_read,
                                  std::string(what) + at(offset) +
                                      (shared ? " of shared memory" : " of the allocation") +
                                      ", which nobody has written",
                                  where);
}

EVERY_WORD void Shadow::check_arrived(const Cell& cell, std::uint8_t mask, std::size_t offset,
                                      const char* what, const Where& where) const {
  if (!(cell.arriving & mask)) return;
  const bool committed = !is_uncommitted_destination(offset);
  fail(committed ? Check::unwaited_async_copy : Check::uncommitted_async_copy,
       std::string(what) + at(offset) + " of shared memory, where an asynchronous copy " +
           (committed ? "is still arriving; wait for it" : "was never committed to a group"),
       where);
}

EVERY_WORD void Shadow::check_writer(const Cell& cell, std::uint8_t mask, Access kind,
                                     std::size_t offset, const char* what,
                                     const Where& where) const {
  const bool both_atomic = kind == Access::atomic && cell.atomic;
  if ((cell.write_mask & mask) && !both_atomic && !self().clock.knows(cell.write)) {
    report_race(cell.write, "write", offset, what, where);
  }
  if (cell.foreign_write & mask) {
    fail(Check::global_race,
         std::string(what) + at(offset) + " of the allocation, which another block also writes",
         where);
  }
}

EVERY_WORD void Shadow::check_readers(const Cell& cell, std::uint8_t mask, std::size_t offset,
                                      const char* what, const Where& where) const {
  if (cell.async_reads > 0) {
    fail(Check::write_during_async_read,
         std::string(what) + at(offset) +
             " of shared memory, which the copy engine or the tensor cores may still read",
         where);
  }
  if (cell.foreign_read & mask) {
    fail(Check::global_race,
         std::string(what) + at(offset) + " of the allocation, which another block reads", where);
  }
  if (!(cell.read_mask & mask)) return;
  if (cell.readers != 0) return check_reader_set(cell, mask, offset, what, where);
  if (!self().clock.knows(cell.read)) report_race(cell.read, "read", offset, what, where);
}

void Shadow::check_reader_set(const Cell& cell, std::uint8_t mask, std::size_t offset,
                              const char* what, const Where& where) const {
  const std::vector<Reader>& readers = reader_sets_[cell.readers - 1];
  const Clock& clock = self().clock;
  for (Agent agent = 0; agent < readers.size(); ++agent) {
    const Epoch read{agent, readers[agent].time};
    if ((readers[agent].mask & mask) && !clock.knows(read)) {
      report_race(read, "read", offset, what, where);
    }
  }
}

// An ordinary write reaches the asynchronous proxy only if its thread fenced after it, and the
// fence is known here.
void Shadow::check_proxy(const Cell& cell, std::uint8_t mask, std::size_t offset, const char* what,
                         const Where& where) const {
  if (memory_ == Memory::global || cell.bulk || !(cell.write_mask & mask)) return;
  const std::uint32_t known = self().clock.last_known(cell.write.agent);
  if (execution().fenced(cell.write, known)) return;
  fail(Check::missing_proxy_fence,
       std::string(what) + at(offset) + " of shared memory, written by " +
           execution().describe(cell.write.agent) +
           " without fence.proxy.async between the write and the barrier",
       where);
}

EVERY_WORD void Shadow::note_read(Cell& cell, std::uint8_t mask, Epoch reader) {
  if (cell.read_mask == 0 || (cell.readers == 0 && cell.read.agent == reader.agent)) {
    const bool again = cell.read_mask != 0 && cell.read == reader;
    cell.read_mask = static_cast<std::uint8_t>(again ? cell.read_mask | mask : mask);
    cell.read = reader;
    return;
  }
  // Global inputs have many readers and hardly ever a writer: the last reader is enough there.
  if (memory_ == Memory::global) {
    cell.read = reader;
    cell.read_mask = mask;
    return;
  }
  note_reader(cell, mask, reader);
}

void Shadow::note_reader(Cell& cell, std::uint8_t mask, Epoch reader) {
  if (cell.readers == 0) {
    if (free_sets_.empty()) {
      reader_sets_.emplace_back();
      free_sets_.push_back(static_cast<std::uint32_t>(reader_sets_.size()));
    }
    cell.readers = free_sets_.back();
    free_sets_.pop_back();
    std::vector<Reader>& readers = reader_sets_[cell.readers - 1];
    readers.assign(std::max<std::size_t>(execution().agents, cell.read.agent + 1), {});
    readers[cell.read.agent] = {cell.read.time, cell.read_mask};
  }
  std::vector<Reader>& readers = reader_sets_[cell.readers - 1];
  if (reader.agent >= readers.size()) readers.resize(reader.agent + 1);
  Reader& entry = readers[reader.agent];
  entry.mask = static_cast<std::uint8_t>(entry.time == reader.time ? entry.mask | mask : mask);
  entry.time = reader.time;
  cell.read_mask |= mask;
}

EVERY_WORD void Shadow::note_write(Cell& cell, std::uint8_t mask, Epoch writer, bool atomic,
                                   bool bulk) {
  const bool again = cell.write_mask != 0 && cell.write == writer;
  cell.write_mask = static_cast<std::uint8_t>(again ? cell.write_mask | mask : mask);
  cell.write = writer;
  cell.atomic = atomic;
  cell.bulk = bulk;
  cell.valid |= mask;
  // Readers of these bytes are known to be done, so they need no further attention.
  cell.read_mask = static_cast<std::uint8_t>(cell.read_mask & ~mask);
  if (cell.readers != 0) forget_readers(cell, mask);
}

void Shadow::forget_readers(Cell& cell, std::uint8_t mask) {
  if (cell.read_mask == 0) {
    free_sets_.push_back(std::exchange(cell.readers, 0u));
  } else {
    for (Reader& reader : reader_sets_[cell.readers - 1]) {
      reader.mask = static_cast<std::uint8_t>(reader.mask & ~mask);
    }
  }
}

void Shadow::access(Access kind, std::size_t offset, std::size_t bytes, const Where& where) {
  const Epoch now = self().clock.now();
  const char* what = kind == Access::read ? "read" : kind == Access::write ? "write" : "atomic";
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t byte) {
    refresh(cell);
    check_arrived(cell, mask, byte, what, where);
    if (kind != Access::write && (mask & ~cell.valid)) {
      note_unset_read(byte, what, where);
    }
    check_writer(cell, mask, kind, byte, what, where);
    if (kind == Access::read) {
      note_read(cell, mask, now);
    } else {
      check_readers(cell, mask, byte, what, where);
      note_write(cell, mask, now, kind == Access::atomic, false);
    }
  });
}

void Shadow::begin_async_write(std::size_t offset, std::size_t bytes, bool bulk,
                               const Where& where) {
  const char* what = bulk ? "bulk copy" : "asynchronous copy";
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t byte) {
    refresh(cell);
    check_arrived(cell, mask, byte, what, where);
    check_writer(cell, mask, Access::write, byte, what, where);
    check_readers(cell, mask, byte, what, where);
    if (bulk) check_proxy(cell, mask, byte, what, where);
    if (memory_ == Memory::shared) cell.arriving |= mask;
  });
}

void Shadow::end_async_write(std::size_t offset, std::size_t bytes, Epoch writer, bool bulk) {
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t) {
    refresh(cell);
    cell.arriving = static_cast<std::uint8_t>(cell.arriving & ~mask);
    note_write(cell, mask, writer, false, bulk);
  });
}

void Shadow::begin_async_read(std::size_t offset, std::size_t bytes, const Where& where) {
  const char* what = "asynchronous read";
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t byte) {
    refresh(cell);
    check_arrived(cell, mask, byte, what, where);
    if (mask & ~cell.valid) {
      note_unset_read(byte, what, where);
    }
    check_writer(cell, mask, Access::read, byte, what, where);
    check_proxy(cell, mask, byte, what, where);
    ++cell.async_reads;
  });
}

void Shadow::end_async_read(std::size_t offset, std::size_t bytes, Epoch reader) {
  each_word(offset, bytes, [&](Cell& cell, std::uint8_t mask, std::size_t) {
    --cell.async_reads;
    note_read(cell, mask, reader);
  });
}

#undef EVERY_WORD

}  // namespace faltung::emulator
