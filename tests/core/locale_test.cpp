#include <gtest/gtest.h>

#include <faltung/faltung.hpp>
#include <functional>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace faltung {
namespace {

/// Numbers as German writes them: 1.234,5. No system needs to have that locale installed.
struct Commas : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

/// What `say` returns while the whole program writes numbers with commas.
std::string with_commas(const std::function<std::string()>& say) {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Commas));
  std::string text = say();
  std::locale::global(before);
  return text;
}

std::string error_of(const std::function<void()>& mistake) {
  try {
    mistake();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Texts of every kind that name a number, and the number as it must stand there.
struct Text {
  const char* number;
  std::function<std::string()> say;
};

std::vector<Text> texts() {
  const auto problem =
      "op=fwd dtype=f32 n=2000 c=1 in=5 k=1 f=3 pad=1 boundary=constant(0.5) act=leaky_relu(0.25)";
  static const auto tensor = Tensor::from<float>({1234.5f});
  return {
      {"1024",
       [] {
         return error_of([] { (void)Problem::parse("op=fwd dtype=f32 c=1024 g=3 in=5 f=3"); });
       }},
      {"-1234.5", [] { return error_of([] { (void)filters::gaussian_radius(-1234.5); }); }},
      {"70000", [] { return error_of([] { (void)Device::parse("cuda:70000x"); }); }},
      {"n=2000", [=] { return to_string(Problem::parse(problem)); }},
      {"leaky_relu(0.25)", [=] { return to_string(Problem::parse(problem)); }},
      {"constant(0.5)", [=] { return Plan::make(Problem::parse(problem)).explain(); }},
      {"n=2000", [=] { return Plan::make(Problem::parse(problem)).explain(); }},
      {"1234.5", [] { return to_string(tensor.view()); }},
      {"4096x2",
       [] {
         return (std::ostringstream{} << Extents{4096, 2}).str();
       }},
      {"1.5e",
       [] {
         return to_string(ErrorBound{ErrorBound::Kind::normwise, 1.5e-7});
       }},
      {"1500.5", [] { return to_string(Boundary::constant(1500.5)); }},
  };
}

TEST(Locale, OfTheProgramChangesNoText) {
  for (const Text& text : texts()) {
    const std::string said = text.say();
    EXPECT_NE(said.find(text.number), std::string::npos) << said;
    EXPECT_EQ(with_commas(text.say), said);
  }
}

TEST(Locale, OfTheProgramChangesNoNumberThatIsRead) {
  const std::string line =
      "op=fwd dtype=f32 n=2000 c=1 in=5 k=1 f=3 pad=1 boundary=constant(1500.5) act=clamp(-0.5,6)";
  const Problem problem = Problem::parse(line);
  std::optional<Problem> read;
  (void)with_commas([&] {
    read = Problem::parse(to_string(Problem::parse(line)));
    return std::string();
  });
  EXPECT_EQ(*read, problem);
}

// The test would see nothing if streams wrote the same with commas.
TEST(Locale, WithCommasIsAnother) {
  EXPECT_EQ(with_commas([] { return (std::ostringstream{} << 1234.5).str(); }), "1.234,5");
}

}  // namespace
}  // namespace faltung
