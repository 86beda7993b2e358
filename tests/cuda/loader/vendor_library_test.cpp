#include "cuda/runtime/vendor_library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <faltung/libraries.hpp>

namespace faltung::cuda {
namespace {

const std::string examples = FALTUNG_EXAMPLES;
constexpr const char* variable = "FALTUNG_EXAMPLE_LIBRARY";
constexpr int majors[] = {3, 2};
constexpr std::string_view folders[] = {"EXAMPLE_PATH", "EXAMPLE_HOME"};
constexpr std::string_view functions[] = {"exampleAdd"};
constexpr LibraryFault faults[] = {{{3, 6, 0}, {3, 7, 9}, "it adds one too many"}};

class VendorLibraryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {variable, "EXAMPLE_PATH", "EXAMPLE_HOME"}) unsetenv(name);
  }

  static VendorLibrary wanted(std::string_view stem = "libexample.so.") {
    return {.name = "Example",
            .variable = variable,
            .stem = stem,
            .package = "example-cu13",
            .property = "exampleGetProperty",
            .majors = majors,
            .folders = folders,
            .functions = functions,
            .faults = faults};
  }
  static OpenLibrary named(const std::string& file) {
    setenv(variable, file.c_str(), 1);
    return OpenLibrary(wanted());
  }
  // Cannot be used, and says so in these words.
  static void expect_refused(const OpenLibrary& library, const std::string& words) {
    EXPECT_FALSE(library);
    EXPECT_NE(library.reason().find(words), std::string::npos) << library.reason();
  }
};

TEST_F(VendorLibraryTest, TheNamedFile) {
  const OpenLibrary library = named(examples + "/files/good.so");
  ASSERT_TRUE(library) << library.reason();
  EXPECT_EQ(library.version(), (LibraryVersion{3, 1, 4}));
  EXPECT_EQ(to_string(library.version()), "3.1.4");
  EXPECT_EQ(library.file(), examples + "/files/good.so");
  int (*add)(int, int) = nullptr;
  library.load("exampleAdd", add);
  EXPECT_EQ(add(2, 3), 5);
}

TEST_F(VendorLibraryTest, AnAbsentFileIsNotLookedForElsewhere) {
  setenv("EXAMPLE_PATH", (examples + "/toolkit").c_str(), 1);
  setenv(variable, "/nowhere/libexample.so.3", 1);
  const OpenLibrary library(wanted("libexample_toolkit.so."));
  expect_refused(library,
                 "FALTUNG_EXAMPLE_LIBRARY is '/nowhere/libexample.so.3', which cannot be opened");
  expect_refused(library, "let it name the file of Example 3 or 2, or unset it");
}

TEST_F(VendorLibraryTest, NotALibrary) {
  expect_refused(named(examples + "/files/text.so"), "cannot be opened");
}

TEST_F(VendorLibraryTest, AnotherMajor) {
  const OpenLibrary library = named(examples + "/files/major.so");
  expect_refused(library,
                 "Example 4.0.4 in " + examples + "/files/major.so is of another major version");
  expect_refused(library, "use Example 3 or 2");
}

TEST_F(VendorLibraryTest, AMissingFunction) {
  expect_refused(named(examples + "/files/lacking.so"), "has no function exampleAdd");
}

TEST_F(VendorLibraryTest, AVersionThatIsKnownToBeWrong) {
  expect_refused(named(examples + "/files/faulty.so"),
                 "Example 3.7.4 in " + examples +
                     "/files/faulty.so is known to be wrong: it adds one too many");
}

TEST_F(VendorLibraryTest, NoVersion) {
  expect_refused(named(examples + "/files/nameless.so"), "does not tell its version");
  expect_refused(named(examples + "/files/silent.so"), "does not tell its version");
}

TEST_F(VendorLibraryTest, AVersionOfTwoNumbers) {
  const auto numbered = [&](const std::string& file) {
    setenv(variable, (examples + "/files/" + file).c_str(), 1);
    VendorLibrary library = wanted();
    library.property = {};
    library.numbers = "exampleVersion";
    return OpenLibrary(library);
  };
  const OpenLibrary library = numbered("numbered.so");
  ASSERT_TRUE(library) << library.reason();
  EXPECT_EQ(library.version(), (LibraryVersion{3, 5, 0}));
  expect_refused(numbered("unnumbered.so"), "does not tell its version by exampleVersion");
  expect_refused(numbered("good.so"), "does not tell its version by exampleVersion");
}

TEST_F(VendorLibraryTest, NowhereToBeFound) {
  const OpenLibrary library(wanted());
  expect_refused(library, "Example 3 or 2 cannot be opened: libexample.so.3: ");
  expect_refused(library, "libexample.so.2: ");
  expect_refused(library, "pip: example-cu13");
  expect_refused(library, "FALTUNG_EXAMPLE_LIBRARY");
  EXPECT_EQ(library.file(), "");
}

TEST_F(VendorLibraryTest, ACopyThatTheProcessHoldsGoesBeforeANewerOne) {
  const std::string file = examples + "/held/libexample_held.so.2";
  ASSERT_NE(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL), nullptr) << dlerror();
  const OpenLibrary library(wanted("libexample_held.so."));
  ASSERT_TRUE(library) << library.reason();
  EXPECT_EQ(library.file(), file);
}

TEST_F(VendorLibraryTest, TheRunpathGoesBeforeTheToolkit) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's dlopen goes by a RUNPATH of its own, not the program's";
#endif
  setenv("EXAMPLE_PATH", (examples + "/toolkit").c_str(), 1);
  const OpenLibrary library(wanted("libexample_beside.so."));
  ASSERT_TRUE(library) << library.reason();
  EXPECT_EQ(library.version(), (LibraryVersion{2, 5, 4}));
}

TEST_F(VendorLibraryTest, TheToolkit) {
  EXPECT_FALSE(OpenLibrary(wanted("libexample_toolkit.so.")));
  setenv("EXAMPLE_PATH", "/nowhere", 1);
  setenv("EXAMPLE_HOME", (examples + "/toolkit").c_str(), 1);
  const OpenLibrary library(wanted("libexample_toolkit.so."));
  ASSERT_TRUE(library) << library.reason();
  EXPECT_EQ(library.file(), examples + "/toolkit/lib64/libexample_toolkit.so.3");
}

// The real ones, where they are installed.
TEST_F(VendorLibraryTest, NvidiasOwn) {
  for (const OpenLibrary* library :
       {&cufft_library(), &cublaslt_library(), &cudnn_library(), &nvjitlink_library()}) {
    if (*library) {
      EXPECT_GE(library->version().major, 9) << library->name();
      EXPECT_NE(library->file().find(".so."), std::string::npos);
    } else {
      EXPECT_NE(library->reason(), "");
      std::cout << "NOT TESTED: " << library->reason() << '\n';
    }
  }
}

TEST_F(VendorLibraryTest, AllAreReported) {
  const std::vector<LibraryInfo> libraries = vendor_libraries();
  ASSERT_EQ(libraries.size(), FALTUNG_EXPECT_CUDA ? 4U : 0U);
  for (const auto& [name, version, file, reason] : libraries) {
    EXPECT_EQ(reason.empty(), !version.empty()) << name;
    EXPECT_TRUE(!reason.empty() || !file.empty()) << name;
  }
}

}  // namespace
}  // namespace faltung::cuda
