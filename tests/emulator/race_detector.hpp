#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulator/clock.hpp"
#include "tests/emulator/toolkit/device_api.hpp"

namespace faltung::emulator {

/// What is known about every word of one piece of memory: who wrote it and read it last, which
/// bytes were ever set, and which an asynchronous copy still owns.
///
/// Two accesses race if they touch the same byte, one of them writes, not both are atomic, and
/// neither happened before the other. "Happened before" is what barriers say (clock.hpp), not the
/// order in which the emulator happened to run the threads.
class Shadow {
 public:
  enum class Memory : std::uint8_t { shared, global };

  Shadow(Memory memory, std::size_t bytes) : memory_(memory), cells_((bytes + 3) / 4) {}

  /// Nothing is set, nobody was here.
  void reset(std::size_t offset, std::size_t bytes);
  /// The host filled these bytes, or (false) they are unset again.
  void set_valid(std::size_t offset, std::size_t bytes, bool valid);

  /// An ordinary access of the current thread.
  void access(Access kind, std::size_t offset, std::size_t bytes, const Where& where);

  /// An asynchronous copy, issued by the current thread, may write these bytes from now on.
  /// `bulk`: by the asynchronous proxy, which sees ordinary writes only after a proxy fence.
  void begin_async_write(std::size_t offset, std::size_t bytes, bool bulk, const Where& where);
  /// The bytes have arrived; `writer` is whose completion others must have waited for.
  void end_async_write(std::size_t offset, std::size_t bytes, Epoch writer, bool bulk);

  /// The copy engine or the tensor cores may read these bytes from now on.
  void begin_async_read(std::size_t offset, std::size_t bytes, const Where& where);
  void end_async_read(std::size_t offset, std::size_t bytes, Epoch reader);

 private:
  struct Reader {
    std::uint32_t time = 0;
    std::uint8_t mask = 0;
  };
  struct Cell {
    Epoch write;
    Epoch read;                   ///< the only reader since the last write
    std::uint32_t readers = 0;    ///< all readers, if several: 1 + index into `reader_sets_`
    std::uint32_t owner = 0;      ///< serial number of the cluster the epochs belong to
    std::uint8_t write_mask = 0;  ///< bytes, as in the next four
    std::uint8_t read_mask = 0;
    std::uint8_t valid = 0;
    std::uint8_t arriving = 0;       ///< owned by an asynchronous write
    std::uint8_t foreign_write = 0;  ///< by another cluster of this launch
    std::uint8_t foreign_read = 0;
    std::uint8_t async_reads = 0;  ///< asynchronous reads that may still happen
    bool atomic : 1 = false;       ///< the last write was atomic
    bool bulk : 1 = false;         ///< the last write was by the asynchronous proxy
  };

  template <typename Visit>
  void each_word(std::size_t offset, std::size_t bytes, Visit visit);
  void refresh(Cell& cell) const;
  void check_arrived(const Cell& cell, std::uint8_t mask, std::size_t offset, const char* what,
                     const Where& where) const;
  void check_writer(const Cell& cell, std::uint8_t mask, Access kind, std::size_t offset,
                    const char* what, const Where& where) const;
  void check_readers(const Cell& cell, std::uint8_t mask, std::size_t offset, const char* what,
                     const Where& where) const;
  void check_reader_set(const Cell& cell, std::uint8_t mask, std::size_t offset, const char* what,
                        const Where& where) const;
  void check_proxy(const Cell& cell, std::uint8_t mask, std::size_t offset, const char* what,
                   const Where& where) const;
  void note_read(Cell& cell, std::uint8_t mask, Epoch reader);
  void note_reader(Cell& cell, std::uint8_t mask, Epoch reader);
  void forget_readers(Cell& cell, std::uint8_t mask);
  void note_write(Cell& cell, std::uint8_t mask, Epoch writer, bool atomic, bool bulk);
  void note_unset_read(std::size_t offset, const char* what, const Where& where) const;
  [[noreturn]] void report_race(Epoch other, const char* others_act, std::size_t offset,
                                const char* what, const Where& where) const;

  Memory memory_;
  std::vector<Cell> cells_;
  std::vector<std::vector<Reader>> reader_sets_;  ///< by agent
  std::vector<std::uint32_t> free_sets_;
};

}  // namespace faltung::emulator
