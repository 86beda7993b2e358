#include "cpp/core/wisdom.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>

#include <faltung/error.hpp>
#include <faltung/libraries.hpp>
#include <faltung/threads.hpp>
#include <faltung/version.hpp>
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/normal_form.hpp"

namespace faltung {
namespace {

// A field of a line: no tab, no end of a line, nothing that a terminal takes for more than text.
std::string as_field(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 32; }, ' ');
  return text;
}

std::string describe(const Device& device) {
  std::string text;
  for (const DeviceInfo& info : devices()) {
    if (info.device == device) text = message(info.name, ", ", info.details);
  }
  if (device.kind == DeviceKind::cuda) {
    std::ifstream driver("/sys/module/nvidia/version");
    std::string number;
    if (driver >> number) text += message(", driver ", number);
    for (const LibraryInfo& library : vendor_libraries()) {
      if (!library.version.empty()) text += message(", ", library.name, ' ', library.version);
    }
  }
  return message(device.kind == DeviceKind::cpu ? "cpu " : "cuda ", text);
}

/// What the process remembers. Whoever asks may be a plan that is to be made in microseconds, so
/// that nothing is locked as long as there is nothing to know.
class WisdomStore {
 public:
  [[nodiscard]] bool may_know() {
    if (state_.load(std::memory_order_acquire) == State::unread) read_file();
    return state_.load(std::memory_order_acquire) == State::filled;
  }

  [[nodiscard]] MeasuredWays find(const WisdomKey& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = table_.find(key);
    return found == table_.end() ? MeasuredWays{} : found->second;
  }

  WisdomLines merge(std::string_view text, std::span<const std::string> here) {
    const std::scoped_lock lock(mutex_);
    const WisdomLines lines = merge_text(table_, text, here);
    changed();
    return lines;
  }

  void merge(const WisdomKey& key, std::span<const MeasuredWay> ways) {
    const std::scoped_lock lock(mutex_);
    if (table_.size() >= max_wisdom && !table_.contains(key)) return;
    merge_ways(table_[key], ways);
    changed();
  }

  [[nodiscard]] WisdomTable table() {
    (void)may_know();
    const std::scoped_lock lock(mutex_);
    return table_;
  }

  void forget() {
    WisdomTable dropped;  // destroyed when nothing is locked
    const std::scoped_lock lock(mutex_);
    dropped.swap(table_);
    changed();
  }

  // Devices do not change while a process runs; asking for them takes milliseconds.
  [[nodiscard]] std::string described(const Device& device) {
    const std::pair key(device.kind, device.index);
    {
      const std::scoped_lock lock(mutex_);
      if (const auto known = devices_.find(key); known != devices_.end()) return known->second;
    }
    std::string text = as_field(describe(device));
    const std::scoped_lock lock(mutex_);
    return devices_.try_emplace(key, std::move(text)).first->second;
  }

  [[nodiscard]] std::uint64_t generation() const { return generation_.load(); }
  std::mutex& mutex() { return mutex_; }

 private:
  enum class State : std::uint8_t { unread, empty, filled };

  // Once. A plan is not refused because of what only makes it faster.
  void read_file() {
    std::string text;
    try {
      const std::string path = wisdom_file();
      if (!path.empty()) text = read_wisdom(path).value_or("");
    } catch (const InvalidProblem&) {
      text.clear();
    }
    const std::scoped_lock lock(mutex_);
    if (state_.load() != State::unread) return;
    (void)merge_text(table_, text);
    changed();
  }

  // Times may have changed though no line is new; there is no harm in saying so.
  void changed() {
    if (!table_.empty() || state_.load() == State::filled) ++generation_;
    state_.store(table_.empty() ? State::empty : State::filled, std::memory_order_release);
  }

  std::mutex mutex_;
  WisdomTable table_;
  std::map<std::pair<DeviceKind, int>, std::string> devices_;
  std::atomic<State> state_{State::unread};
  std::atomic<std::uint64_t> generation_{0};
};

WisdomStore& store() {
  // Never destroyed, and a child of fork gets the mutex unlocked, as of the plan cache.
  static WisdomStore* const instance = [] {
    auto* made = new WisdomStore;
    pthread_atfork([] { store().mutex().lock(); }, [] { store().mutex().unlock(); },
                   [] { store().mutex().unlock(); });
    return made;
  }();
  return *instance;
}

}  // namespace

std::string wisdom_machine(const Device& device) {
  std::string text = message("faltung ", version(), ", ", store().described(device));
  if (device.kind == DeviceKind::cpu) {
    text += message(", plans for ", as_field(cpu_machine().name), ", threads ", threads());
    if (const char* target = std::getenv("FALTUNG_CPU_TARGET"); target != nullptr) {
      text += message(", target ", as_field(target));
    }
  }
  return text;
}

std::string wisdom_file() {
  const char* value = std::getenv("FALTUNG_WISDOM_FILE");
  return value == nullptr ? "" : value;
}

std::string export_wisdom() { return to_text(store().table()); }

WisdomLines import_wisdom(std::string_view text) {
  std::vector<std::string> here;
  for (const DeviceInfo& info : devices()) here.push_back(wisdom_machine(info.device));
  (void)store().may_know();  // the file's lines come first
  return store().merge(text, here);
}

WisdomLines import_wisdom_file(const std::string& path) {
  const auto text = read_wisdom(path);
  if (!text) {
    throw InvalidProblem(message("wisdom file ", path,
                                 " does not exist; write it with export_wisdom_file or `faltung "
                                 "tune`"));
  }
  return import_wisdom(*text);
}

void export_wisdom_file(const std::string& path) { merge_into_file(path, store().table()); }

void forget_wisdom() { store().forget(); }

std::vector<MeasuredWay> wisdom_of(const Problem& problem, const Device& device) {
  if (!store().may_know()) return {};
  return store().find({wisdom_machine(device), to_string(normal_form(problem))});
}

void remember(const Problem& problem, const Device& device, std::span<const MeasuredWay> ways) {
  (void)store().may_know();
  store().merge({wisdom_machine(device), to_string(normal_form(problem))}, ways);
}

std::uint64_t wisdom_generation() {
  (void)store().may_know();
  return store().generation();
}

}  // namespace faltung
