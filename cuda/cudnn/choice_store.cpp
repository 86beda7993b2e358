#include "cuda/cudnn/choice_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "cpp/core/message.hpp"

namespace faltung::cuda::cudnn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view first_line = "faltung cudnn choice 1\n";
constexpr std::string_view suffix = ".cudnn";
constexpr std::size_t max_file_bytes = std::size_t{16} << 20;  // plans with code have 0.2 MiB
constexpr std::size_t max_files = 1024, max_remembered = 1024;

// FNV-1a, of 64 bits.
std::string digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[hash >> shift & 15];
  return digits;
}

// Reads what write_choice wrote, and nothing else.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  // "12\n"
  std::optional<std::int64_t> number() {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 0) return {};
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    if (!skip("\n")) return {};
    return value;
  }
  // "5\nwords\n"
  std::optional<std::string_view> words() {
    const auto size = number();
    if (!size || static_cast<std::size_t>(*size) >= text_.size()) return {};
    const std::string_view found = text_.substr(0, static_cast<std::size_t>(*size));
    text_.remove_prefix(found.size());
    if (!skip("\n")) return {};
    return found;
  }
  [[nodiscard]] bool ended() const { return text_.empty(); }

 private:
  std::string_view text_;
};

class File {
 public:
  File(const fs::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

  // Whether nobody else can have written it: it may hold code.
  [[nodiscard]] bool is_own() const {
    struct stat status {};
    return ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  }
  [[nodiscard]] std::optional<std::string> read() const {
    std::string text;
    char part[4096];
    while (text.size() <= max_file_bytes) {
      const ssize_t count = ::read(descriptor_, part, sizeof part);
      if (count < 0) return {};
      if (count == 0) return text;
      text.append(part, static_cast<std::size_t>(count));
    }
    return {};
  }
  [[nodiscard]] bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(descriptor_, text.data(), text.size());
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int descriptor_;
};

// Removes the oldest half once there are too many; those that a process left half written, too.
void make_room(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (name.find(suffix) == std::string::npos) continue;
    files.emplace_back(entry->last_write_time(ignored), entry->path());
  }
  if (files.size() <= max_files) return;
  std::ranges::sort(files);
  files.resize(files.size() / 2);
  for (const auto& [time, path] : files) fs::remove(path, ignored);
}

// Under another name until it is whole, so that readers never see a part; the last writer wins.
void write_whole(const fs::path& path, std::string_view text) {
  static std::atomic<unsigned> count = 0;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  const fs::path part = message(path.string(), '.', ::getpid(), '.', count++);
  bool written = false;
  {
    const File file(part, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.is_open()) return;
    written = file.write(text);
  }
  if (written) fs::rename(part, path, error);
  if (!written || error) fs::remove(part, error);
}

fs::path folder_of_process() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (std::getenv("FALTUNG_CACHE_DIR") != nullptr) return variable("FALTUNG_CACHE_DIR");
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
    return cache + "/faltung";
  }
  const std::string home = variable("HOME");
  return home.empty() ? home : home + "/.cache/faltung";
}

}  // namespace

std::string write_choice(const Choice& choice, std::string_view key) {
  std::string text =
      message(first_line, key.size(), '\n', key, '\n', choice.engine, '\n',
              choice.tensor_core ? 1 : 0, '\n', choice.workspace_bytes, '\n', choice.notes.size(),
              '\n', choice.notes, '\n', choice.plan.size(), '\n', choice.plan, '\n');
  return text + digest(text) + '\n';
}

std::optional<Choice> read_choice(std::string_view text, std::string_view key) {
  constexpr std::size_t end = 17;  // the digest and its line's end
  if (text.size() < end) return {};
  const std::string_view body = text.substr(0, text.size() - end);
  if (text.substr(body.size()) != digest(body) + '\n') return {};
  Reader reader(body);
  if (!reader.skip(first_line) || reader.words() != key) return {};
  const auto engine = reader.number(), tensor_core = reader.number(), bytes = reader.number();
  const auto notes = reader.words(), plan = reader.words();
  if (!engine || !tensor_core || !bytes || !notes || !plan || !reader.ended()) return {};
  return Choice{.plan = std::string(*plan),
                .engine = *engine,
                .notes = std::string(*notes),
                .tensor_core = *tensor_core != 0,
                .workspace_bytes = static_cast<std::size_t>(*bytes)};
}

ChoiceStore& ChoiceStore::of_process() {
  static auto* const store = new ChoiceStore(folder_of_process());
  return *store;
}

fs::path ChoiceStore::file_of(std::string_view key) const {
  return folder_ / (digest(key) + std::string(suffix));
}

void ChoiceStore::remember(const std::string& key, const Choice& choice) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= max_remembered) known_.clear();
  known_.insert_or_assign(key, choice);
}

std::optional<Choice> ChoiceStore::find(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
  }
  if (folder_.empty()) return {};
  const File file(file_of(key), O_RDONLY | O_NONBLOCK);
  if (!file.is_open() || !file.is_own()) return {};
  const std::optional<std::string> text = file.read();
  std::optional<Choice> choice = text ? read_choice(*text, key) : std::nullopt;
  if (choice) remember(key, *choice);
  return choice;
}

void ChoiceStore::keep(const std::string& key, const Choice& choice) {
  remember(key, choice);
  if (folder_.empty()) return;
  try {
    make_room(folder_);
    write_whole(file_of(key), write_choice(choice, key));
  } catch (const fs::filesystem_error&) {
  }
}

void ChoiceStore::forget(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    known_.erase(key);
  }
  std::error_code ignored;
  if (!folder_.empty()) fs::remove(file_of(key), ignored);
}

}  // namespace faltung::cuda::cudnn
