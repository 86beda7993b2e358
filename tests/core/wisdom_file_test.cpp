#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/wisdom.hpp>
#include "cpp/core/wisdom.hpp"
#include "tests/support/temporary_folder.hpp"

namespace faltung {
namespace {

// Processes of their own, as the ways to write are made for; nothing here starts a thread, so that
// they can be forked. Nor does the parent ask for what is remembered: each child reads its own
// file.

WisdomTable table_of(int writer, int lines) {
  WisdomTable table;
  for (int i = 0; i < lines; ++i) {
    const WisdomKey key{"machine " + std::to_string(writer), "problem " + std::to_string(i)};
    table[key] = {{"cpu.direct/rows", 1.0 + i}, {"cpu.fft/whole", 2.0 + i}};
  }
  return table;
}

template <typename Work>
pid_t child(Work work) {
  const pid_t process = fork();
  if (process != 0) return process;
  try {
    work();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

// The lines of a file, all of which must be whole.
WisdomTable read_whole(const std::string& path) {
  WisdomTable table;
  const std::string text = read_wisdom(path).value_or("");
  const WisdomLines lines = merge_text(table, text);
  EXPECT_EQ(lines.skipped, 0u);
  EXPECT_EQ(text, to_text(table));
  return table;
}

class WisdomFile : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string path_ = folder_.path("wisdom.txt");
};

TEST_F(WisdomFile, IsThereWholeAfterEveryOf200Kills) {
  std::mt19937 random(7);
  std::size_t known = 0, interrupted = 0;
  for (int i = 0; i < 200; ++i) {
    const pid_t writer = child([&] {
      for (int lines = 1;; ++lines) merge_into_file(path_, table_of(i, lines * 10));
    });
    ASSERT_GT(writer, 0);
    usleep(std::uniform_int_distribution<unsigned>(200, 8000)(random));
    ASSERT_EQ(kill(writer, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status));
    const std::size_t now = read_whole(path_).size();
    EXPECT_GE(now, known) << "kill " << i;
    known = now;
    interrupted += std::filesystem::exists(path_ + ".new");
  }
  EXPECT_GT(known, 0u);
  EXPECT_GT(interrupted, 0u) << "no kill met a writer at work";
  merge_into_file(path_, table_of(1000, 1));  // the lock is free, the rest of one of them in no way
  EXPECT_EQ(read_whole(path_).size(), known + 1);
  EXPECT_EQ(folder_.files(), (std::vector<std::string>{"wisdom.txt", "wisdom.txt.lock"}));
}

TEST_F(WisdomFile, KeepsTheLinesOfAllWritersAtOnce) {
  constexpr int writers = 6, rounds = 20;
  std::vector<pid_t> children;
  for (int i = 0; i < writers; ++i) {
    children.push_back(child([&] {
      for (int round = 1; round <= rounds; ++round) merge_into_file(path_, table_of(i, round));
    }));
  }
  for (const pid_t writer : children) {
    int status = -1;
    ASSERT_EQ(waitpid(writer, &status, 0), writer);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(read_whole(path_).size(), std::size_t{writers * rounds});
}

TEST_F(WisdomFile, LinesThatAreNoneGoWhenItIsWritten) {
  std::ofstream(path_) << "nonsense\n" << wisdom_line({"m", "p"}, {{"a.b/c", 1}});
  merge_into_file(path_, table_of(1, 1));
  EXPECT_EQ(read_whole(path_).size(), 2u);
}

TEST_F(WisdomFile, LinksAndModesStay) {
  merge_into_file(path_, table_of(1, 1));
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  const std::string link = folder_.path("link.txt");
  std::filesystem::create_symlink(path_, link);
  merge_into_file(link, table_of(2, 1));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(read_whole(path_).size(), 2u);
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(WisdomFile, WhatCannotBeReadOrWrittenIsSaid) {
  const auto refusal = [](auto call) -> std::string {
    try {
      call();
    } catch (const InvalidProblem& error) {
      return error.what();
    }
    return {};
  };
  const std::string missing = folder_.path("no/folder.txt");
  EXPECT_NE(refusal([&] { merge_into_file(missing, {}); }).find(missing), std::string::npos);
  EXPECT_NE(refusal([&] { import_wisdom_file(missing); }).find("does not exist"),
            std::string::npos);
  std::filesystem::create_directory(path_);
  EXPECT_NE(refusal([&] { import_wisdom_file(path_); }).find("no regular file"), std::string::npos);
}

// Plans are made all the same.
TEST_F(WisdomFile, OneThatCannotBeReadIsNoWisdom) {
  std::filesystem::create_directory(path_);
  const pid_t process = child([&] {
    setenv("FALTUNG_WISDOM_FILE", path_.c_str(), 1);
    if (!export_wisdom().empty()) throw 1;
  });
  int status = -1;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_EQ(status, 0);
}

TEST_F(WisdomFile, TheOneOfTheEnvironmentIsRead) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=9 f=3");
  merge_into_file(path_, {{{wisdom_machine(), to_string(problem)}, {{"cpu.direct/rows", 4}}}});
  const pid_t process = child([&] {
    setenv("FALTUNG_WISDOM_FILE", path_.c_str(), 1);
    if (wisdom_of(problem) != MeasuredWays{{"cpu.direct/rows", 4}}) throw 1;
    forget_wisdom();
    if (!wisdom_of(problem).empty()) throw 1;
  });
  int status = -1;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace faltung
