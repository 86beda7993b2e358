#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/engine.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/fft/fft_policy.hpp"

namespace faltung {
namespace {

/// Plans with two threads, whatever the machine.
class Machines : public ::testing::Test {
 protected:
  void SetUp() override { set_threads(2); }
  void TearDown() override { set_threads(0); }
};

void expect_equal(const CpuMachine& a, const CpuMachine& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.instruction_set, b.instruction_set);
  EXPECT_EQ(a.vector_bytes, b.vector_bytes);
  EXPECT_EQ(a.clock_ghz, b.clock_ghz);
  EXPECT_EQ(a.products.f32, b.products.f32);
  EXPECT_EQ(a.products.f64, b.products.f64);
  EXPECT_EQ(a.products.c64, b.products.c64);
  EXPECT_EQ(a.products.c128, b.products.c128);
  EXPECT_EQ(a.products.i32, b.products.i32);
  EXPECT_EQ(a.products.pairs, b.products.pairs);
  EXPECT_EQ(a.l1d_bytes, b.l1d_bytes);
  EXPECT_EQ(a.l2_bytes, b.l2_bytes);
  EXPECT_EQ(a.l3_bytes, b.l3_bytes);
  EXPECT_EQ(a.l3_bytes_per_ns, b.l3_bytes_per_ns);
  EXPECT_EQ(a.copy_bytes_per_ns, b.copy_bytes_per_ns);
  EXPECT_EQ(a.thread_gain, b.thread_gain);
  EXPECT_EQ(a.thread_wake_us, b.thread_wake_us);
}

TEST_F(Machines, TextReadsBackAsTheSameRecord) {
  for (const CpuMachine& machine : cpu_machine_table()) {
    expect_equal(parse_cpu_machine(to_text(machine)), machine);
  }
  const std::string text = to_text(reference_cpu_machine());
  expect_equal(parse_cpu_machine("\r\n  # a comment\n" + text + "\n\t\n"), reference_cpu_machine());
}

// What one line of a file becomes, and the words that the error must have.
TEST_F(Machines, BadFilesAreRefusedByTheFieldTheValueAndTheRule) {
  const std::string good = to_text(reference_cpu_machine());
  const auto expect = [&](const std::string& field, const std::string& line,
                          const std::vector<std::string>& words) {
    std::string text = good;
    const std::size_t begin = text.find("\n" + field + " = ") + 1;
    ASSERT_NE(begin, 0u) << field;
    text.replace(begin, text.find('\n', begin) - begin, line);
    try {
      (void)parse_cpu_machine(text);
      ADD_FAILURE() << "'" << line << "' was taken";
    } catch (const InvalidProblem& error) {
      for (const std::string& word : words) {
        EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
            << word << " is not in: " << error.what();
      }
    }
  };
  expect("clock_ghz", "clock_ghz = fast", {"line", "clock_ghz", "fast", "0.1 to 20"});
  expect("clock_ghz", "clock_ghz = 3700", {"clock_ghz", "3700", "0.1 to 20"});
  expect("clock_ghz", "clock_ghz = nan", {"clock_ghz", "nan"});
  expect("clock_ghz", "clock_ghz = 3,7", {"clock_ghz", "3,7"});
  expect("clock_ghz", "clock_ghz =", {"clock_ghz", "''"});
  expect("clock_ghz", "clock_ghz 3.7", {"clock_ghz 3.7", "field = value"});
  expect("clock_ghz", "", {"clock_ghz", "missing"});
  expect("name", "", {"name", "missing"});
  expect("clock_ghz", "l2_bytes = 1048576", {"l2_bytes", "twice"});
  expect("clock_ghz", "clock = 3.7", {"'clock'", "no field"});
  expect("l2_bytes", "l2_bytes = 1048576.5", {"l2_bytes", "1048576.5", "integer"});
  expect("l2_bytes", "l2_bytes = 1e300", {"l2_bytes", "1e300", "32768"});
  expect("l2_bytes", "l2_bytes = -1", {"l2_bytes", "-1"});
  expect("l3_bytes", "l3_bytes = 65536", {"l3_bytes", "65536", "1048576"});
  expect("vector_bytes", "vector_bytes = 48", {"vector_bytes", "48", "16, 32 or 64"});
  expect("instruction_set", "instruction_set = mmx", {"instruction_set", "mmx", "avx2"});
  expect("thread_gain", "thread_gain = 1.5", {"thread_gain", "1.5", "0.01 to 1"});
  expect("thread_gain", "thread_gain = " + std::string(10000, '7'), {"thread_gain", "..."});
}

/// The row of an engine that a word like "cpu.direct/stencil" names; null in builds without it.
const Engine* find_engine(const std::string& way) {
  const auto ways = engine_ways();
  if (std::ranges::find(ways, way) == ways.end()) return nullptr;
  const auto engines = engine_list();
  return *std::ranges::find(engines, way.substr(0, way.find('/')), &Engine::name);
}

#if defined(__x86_64__)
// Records replaced constants; what is planned, and the bits that follow, stayed.
TEST_F(Machines, EstimatesAreThoseOfBefore) {
  std::ifstream file(FALTUNG_GOLDEN_DIR "/estimates.txt");
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string machine, way, problem;
    double us = 0;
    ASSERT_TRUE(words >> machine >> way >> us) << line;
    std::getline(words, problem);
    const Engine* engine = find_engine(way);
    if (engine == nullptr) continue;
    const Problem p = Problem::parse(problem);
    const auto offer = [&](const auto& record) {
      const ScopedMachine scope(record);
      return engine->offer(p, {engine->device_kind(), 0}, way.substr(way.find('/') + 1));
    };
    const auto cpu = find_cpu_machine(machine);
    const Offer quoted = cpu ? offer(*cpu) : offer(find_gpu_machine(machine).value());
    ASSERT_TRUE(quoted) << line << ": " << quoted.refusal;
    EXPECT_NEAR(quoted.estimate_us / us, 1, 1e-9) << line;
    ++compared;
  }
  EXPECT_GT(compared, 20);
}
#endif

// Lengths of transforms decide about bits: they are the reference machine's, their time is not.
TEST_F(Machines, DoNotDecideLengthsOfTransforms) {
  CpuMachine slow = reference_cpu_machine();
  slow.copy_bytes_per_ns /= 100;
  slow.l3_bytes_per_ns /= 100;
  slow.l2_bytes /= 4;
  slow.products.f32 *= 10;
  const InstructionSet set{"baseline", 32};
  for (const char* line : {"op=fwd dtype=f32 n=1 c=1 in=100000 k=1 f=1000 pad=999",
                           "op=fwd dtype=f32 n=1 c=1 in=1000x1000 k=1 f=50x50",
                           "op=fwd dtype=f64 n=2 c=3 in=30x40x50 k=4 f=7x7x7"}) {
    const Problem p = Problem::parse(line);
    const auto plan = [&](const CpuMachine& machine) {
      const ScopedMachine scope(machine);
      return fft::plan_blocks(p, set);
    };
    const fft::BlockPlan quick = plan(reference_cpu_machine()), other = plan(slow);
    EXPECT_EQ(quick.lengths, other.lengths) << line;
    EXPECT_EQ(quick.tile, other.tile) << line;
    EXPECT_GT(other.nanoseconds, 1.5 * quick.nanoseconds) << line;
  }
}

TEST_F(Machines, ScopesNestAndBelongToTheirThread) {
  const CpuMachine& laptop = cpu_machine_table()[1];
  EXPECT_EQ(cpu_machine_elsewhere(), nullptr);
  {
    const ScopedMachine outer(laptop);
    EXPECT_EQ(&cpu_machine(), &laptop);
    {
      const ScopedMachine inner(reference_cpu_machine());
      EXPECT_EQ(&cpu_machine(), &reference_cpu_machine());
    }
    EXPECT_EQ(&cpu_machine(), &laptop);
    std::thread([] { EXPECT_EQ(cpu_machine_elsewhere(), nullptr); }).join();
  }
  EXPECT_EQ(cpu_machine_elsewhere(), nullptr);
  EXPECT_EQ(gpu_machine_elsewhere(), nullptr);
}

const Candidate* find(const std::vector<Candidate>& all, std::string_view engine) {
  const auto found = std::ranges::find(all, engine, &Candidate::engine);
  return found == all.end() ? nullptr : &*found;
}

TEST_F(Machines, PlansForEveryMachineWithoutIt) {
  const Problem p =
      Problem::parse("op=fwd dtype=f32 n=1 c=1 in=4096x4096 k=1 f=3x3 pad=1 boundary=reflect");
  for (const std::string& name : cpu_machine_names()) {
    const auto all = candidates_for(p, name);
    EXPECT_EQ(all.size(), engine_names().size());
    EXPECT_TRUE(find(all, "cpu.direct")->supported) << name;
    EXPECT_GT(find(all, "cpu.direct")->estimate_us, 0) << name;
  }
  const bool cuda = find(candidates_for(p, "h200"), "cuda.direct") != nullptr;
  for (const std::string& name : gpu_machine_names()) {
    const auto all = candidates_for(p, name);
    EXPECT_FALSE(find(all, "cpu.direct")->supported);
    EXPECT_EQ(find(all, "cpu.direct")->reason, "runs on the CPU only");
    if (!cuda) continue;
    const Candidate& direct = *find(all, "cuda.direct");
    EXPECT_TRUE(direct.supported) << name << ": " << direct.reason;
    // Memory decides: 134 MB at no more than what the data sheet says.
    const double min = p.bytes() / find_gpu_machine(name)->sheet_memory_bytes_per_us;
    EXPECT_GT(direct.estimate_us, min) << name;
    EXPECT_LT(direct.estimate_us, 2 * min + 10) << name;
  }
}

// Of 64 MiB in and out of memory, and of products that take longer.
TEST_F(Machines, SayWhatAWayTakesAtLeast) {
  const CpuMachine cpu = find_cpu_machine("avx512_server").value();
  const GpuMachine gpu = find_gpu_machine("h200").value();
  const Problem p = Problem::parse("op=fwd dtype=f32 in=4096x4096 f=3x3 pad=1");
  const Candidate direct{.engine = "cpu.direct", .way = "in_place"};
  const Candidate separable{.engine = "cpu.direct", .way = "separable"};
  set_threads(1);
  const double memory_us = 1e-3 * p.bytes() / cpu.copy_bytes_per_ns;
  EXPECT_NEAR(limit_us(p, "avx512_server", direct), memory_us, 1e-9 * memory_us);
  const Problem long_filter = Problem::parse("op=fwd dtype=f32 in=4096x4096 f=31x31 pad=15");
  const double products_us = 1e-3 * long_filter.multiply_adds() * cpu.product_ns(DType::f32);
  EXPECT_NEAR(limit_us(long_filter, "avx512_server", direct), products_us, 1e-9 * products_us);
  for (const Candidate& way : {separable, Candidate{.engine = "cpu.fft", .way = "transforms"}}) {
    EXPECT_LT(limit_us(long_filter, "avx512_server", way), 1.01 * memory_us);
  }
  const Problem few = Problem::parse("op=fwd dtype=f32 in=1000 f=3");
  EXPECT_LT(limit_us(few, "avx512_server", separable), 1e-9);
  const Candidate walk{.engine = "cuda.direct", .way = "walk"};
  EXPECT_NEAR(limit_us(p, "h200", walk), p.bytes() / gpu.copy_bytes_per_us, 1e-6);
  EXPECT_THROW((void)limit_us(p, "abacus", direct), InvalidProblem);
  const double one = limit_us(p, "avx512_server", direct);
  set_threads(2);
  EXPECT_NEAR(one / limit_us(p, "avx512_server", direct), 1 + cpu.thread_gain, 1e-9);
  set_threads(0);
}

TEST_F(Machines, TellTheCapabilitiesOfTheirInstructionSets) {
  if (find_engine("cpu.direct/in_place") == nullptr) GTEST_SKIP() << "built without Highway";
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=512x512 k=1 f=5x5 pad=2");
  EXPECT_EQ(find(candidates_for(p, "avx512_server"), "cpu.direct")->way, "in_place");
  EXPECT_EQ(find(candidates_for(p, "avx2_laptop"), "cpu.direct")->way, "in_place");
  EXPECT_EQ(find(candidates_for(p, "neon_server"), "cpu.direct")->way, "stencil");
}

TEST_F(Machines, UnknownNamesAreRefused) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=1 c=1 in=16 k=1 f=3");
  for (const char* name : {"", "H200", "h300"}) {
    try {
      (void)candidates_for(p, name);
      ADD_FAILURE() << name;
    } catch (const InvalidProblem& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(std::string("machine '") + name + "'"), std::string::npos) << text;
      EXPECT_NE(text.find("avx512_server"), std::string::npos) << text;
      EXPECT_NE(text.find("rtx_5090"), std::string::npos) << text;
    }
  }
  EXPECT_THROW((void)candidates_for(p, "h200", "cpu.warp"), InvalidProblem);
  const auto asked = candidates_for(p, "avx512_server", "cpu.fft");
  EXPECT_TRUE(find(asked, "cpu.fft")->supported);
  EXPECT_FALSE(find(asked, "cpu.reference")->supported);
}

// Rates of the table, as the data sheets give them: half of them are derived from those.
TEST_F(Machines, PeaksOfGpusAreThoseOfTheirDataSheets) {
  const auto tera_flops = [](const GpuMachine& gpu, double lanes) {
    return 2e-6 * gpu.multiprocessors() * gpu.sheet_clock_mhz * lanes;
  };
  const auto expect = [&](const char* name, double f32, double f64, double mma) {
    const GpuMachine gpu = find_gpu_machine(name).value();
    EXPECT_NEAR(tera_flops(gpu, gpu.f32_lanes) / f32, 1, 0.02) << name;
    EXPECT_NEAR(tera_flops(gpu, gpu.f64_lanes) / f64, 1, 0.02) << name;
    if (mma == 0) return;  // more than mma.sync reaches
    EXPECT_NEAR(tera_flops(gpu, gpu.mma_products) / mma, 1, 0.02) << name;
  };
  expect("h200", 67, 34, 0);
  expect("h100", 67, 34, 0);
  expect("a100", 19.5, 9.7, 312);
  expect("l40s", 91.6, 1.43, 362);
  expect("rtx_3090", 35.6, 0.556, 71);
  expect("rtx_4090", 82.6, 1.29, 165.2);
  expect("rtx_5090", 104.8, 1.637, 209.5);
  expect("b200", 75, 37, 0);
}

}  // namespace
}  // namespace faltung
