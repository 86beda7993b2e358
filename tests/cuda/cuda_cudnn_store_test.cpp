#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <faltung/machine.hpp>

#include "cuda/cudnn/choice_store.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"
#include "tests/support/temporary_folder.hpp"

// Choices that outlive a process: whatever stands in their folder, never a wrong one is found.
namespace faltung::cuda::cudnn {
namespace {

namespace fs = std::filesystem;

Choice some_choice(int number = 1) {
  return {.plan = "{\"number\":" + std::to_string(number) + ",\"lines\":\"\n17\n\"}" +
                  std::string(static_cast<std::size_t>(100 * number), 'x'),
          .engine = number,
          .notes = number % 2 == 0 ? "tensor_core" : "",
          .tensor_core = number % 2 == 0,
          .workspace_bytes = static_cast<std::size_t>(number) << 33};
}

bool same(const Choice& a, const Choice& b) {
  return a.plan == b.plan && a.engine == b.engine && a.notes == b.notes &&
         a.tensor_core == b.tensor_core && a.workspace_bytes == b.workspace_bytes;
}

fs::path root(const test::TemporaryFolder& folder) {
  return fs::path(folder.path("")).parent_path();
}

fs::path only_file(const fs::path& folder) { return fs::directory_iterator(folder)->path(); }

TEST(ChoiceStore, GivesBackWhatWasKept) {
  const test::TemporaryFolder folder;
  for (const int number : {1, 2, 30}) {
    ChoiceStore(root(folder) / "a").keep("key\n" + std::to_string(number), some_choice(number));
  }
  ChoiceStore later(root(folder) / "a");
  for (const int number : {1, 2, 30}) {
    const auto found = later.find("key\n" + std::to_string(number));
    ASSERT_TRUE(found);
    EXPECT_TRUE(same(*found, some_choice(number)));
  }
  EXPECT_FALSE(later.find("key\n3"));
  later.forget("key\n2");
  EXPECT_FALSE(ChoiceStore(root(folder) / "a").find("key\n2"));
}

TEST(ChoiceStore, AnyBitThatIsNotAsItWasIsSeen) {
  const std::string text = write_choice(some_choice(2), "a key");
  ASSERT_TRUE(read_choice(text, "a key"));
  EXPECT_FALSE(read_choice(text, "a kez"));
  EXPECT_FALSE(read_choice(text + '\n', "a key"));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(read_choice(text.substr(0, size), "a key")) << size;
  }
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string other = text;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(read_choice(other, "a key")) << bit;
  }
}

TEST(ChoiceStore, FilesOfOthersAreAsGoodAsNone) {
  const test::TemporaryFolder folder;
  ChoiceStore(root(folder)).keep("key", some_choice());
  const fs::path file = only_file(root(folder));
  const auto found = [&] { return ChoiceStore(root(folder)).find("key").has_value(); };
  ASSERT_TRUE(found());
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  EXPECT_FALSE(found());  // anybody may have written it
  fs::permissions(file, fs::perms::others_write, fs::perm_options::remove);
  fs::rename(file, root(folder) / "elsewhere");
  fs::create_symlink(root(folder) / "elsewhere", file);
  EXPECT_FALSE(found());
  fs::remove(file);
  fs::create_directory(file);
  EXPECT_FALSE(found());
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(found());  // and nobody waits for a writer
  fs::remove(file);
  std::ofstream(file) << write_choice(some_choice(), "another key");
  EXPECT_FALSE(found());
  std::ofstream(file) << "anything";
  EXPECT_FALSE(found());
  ChoiceStore(root(folder)).keep("key", some_choice());
  EXPECT_TRUE(found());  // it was overwritten
}

TEST(ChoiceStore, WritersAndReadersMeetInOneFile) {
  const test::TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) {
        ChoiceStore(root(folder)).keep("key", some_choice(1 + (thread + i) % 40));
        const auto found = ChoiceStore(root(folder)).find("key");
        ASSERT_TRUE(found);
        EXPECT_TRUE(same(*found, some_choice(static_cast<int>(found->engine))));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::distance(fs::directory_iterator(root(folder)), {}), 1);  // no parts are left
}

TEST(ChoiceStore, WhereNothingCanBeWrittenMemoryServes) {
  for (const char* folder : {"", "/proc/nowhere", "/dev/null/file"}) {
    ChoiceStore store(folder);
    store.keep("key", some_choice());
    EXPECT_TRUE(store.find("key"));
    EXPECT_FALSE(ChoiceStore(folder).find("key"));
    store.forget("key");
    EXPECT_FALSE(store.find("key"));
  }
}

TEST(ChoiceStore, FoldersDoNotGrowWithoutEnd) {
  const test::TemporaryFolder folder;
  for (int i = 0; i < 1030; ++i) {
    std::ofstream(root(folder) / ("part.cudnn." + std::to_string(i))) << i;
  }
  std::ofstream(root(folder) / "of the user") << 1;
  ChoiceStore(root(folder)).keep("key", some_choice());
  EXPECT_LT(std::distance(fs::directory_iterator(root(folder)), {}), 530);
  EXPECT_TRUE(fs::exists(root(folder) / "of the user"));
  EXPECT_TRUE(ChoiceStore(root(folder)).find("key"));
}

// A file as it was written, of which this cuDNN makes nothing, or something else than it says.
TEST(ChoiceStore, WhatCudnnRefusesIsForgotten) {
  FALTUNG_NEEDS_CUDNN();
  const test::TemporaryFolder folder;
  const Descriptor device = device_of(device_text(find_gpu_machine("h200").value()));
  const Problem p = Problem::parse("op=fwd dtype=f32 c=4 k=4 in=9x9 f=3x3");
  constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
  const std::string key = key_of(p, device, full_alignment, no_limit);
  const Choice right = choose(p, device, full_alignment, no_limit);
  ChoiceStore store(root(folder));
  store.keep(key, right);
  EXPECT_TRUE(ready_of(store, key, device));
  Choice wrong = right;
  wrong.plan.resize(wrong.plan.size() / 2);
  Choice larger = right;
  larger.workspace_bytes += 256;
  for (const Choice& one : {wrong, larger, some_choice()}) {
    store.keep(key, one);
    EXPECT_FALSE(ready_of(store, key, device));
    EXPECT_FALSE(store.find(key));
    EXPECT_TRUE(fs::is_empty(root(folder)));
  }
}

}  // namespace
}  // namespace faltung::cuda::cudnn
