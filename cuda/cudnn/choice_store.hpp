#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cuda/cudnn/cudnn_choice.hpp"

namespace faltung::cuda::cudnn {

/// Choices by what they were made for: in memory, and in files that later processes find. What was
/// asked must be the same to the letter; files that are not what was written are as good as none.
class ChoiceStore {
 public:
  /// @param folder  of the files, made when one is written; empty for memory alone
  explicit ChoiceStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// That of this process: in the folder that FALTUNG_CACHE_DIR names, else `faltung` in
  /// XDG_CACHE_HOME or in .cache of HOME. Where the variable is empty, nothing is written.
  [[nodiscard]] static ChoiceStore& of_process();

  [[nodiscard]] std::optional<Choice> find(const std::string& key);
  /// A file that cannot be written is not.
  void keep(const std::string& key, const Choice& choice);
  /// For a file that is what was written, but of which the library makes nothing.
  void forget(const std::string& key);

 private:
  [[nodiscard]] std::filesystem::path file_of(std::string_view key) const;
  void remember(const std::string& key, const Choice& choice);

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, Choice> known_;
};

/// What a file says; none if a bit of it is not as it was written, or it is of another key.
[[nodiscard]] std::optional<Choice> read_choice(std::string_view text, std::string_view key);
[[nodiscard]] std::string write_choice(const Choice& choice, std::string_view key);

}  // namespace faltung::cuda::cudnn
