#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cuda/depthwise/channels_policy.hpp"
#include "cuda/depthwise/gradient_mma_policy.hpp"
#include "cuda/depthwise/gradient_window_policy.hpp"
#include "cuda/engine_list.hpp"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernel_resources.hpp"
#include "tests/support/depthwise_geometry.hpp"
#include "tests/support/operands.hpp"
#include "tests/support/problem_file.hpp"

// Every kernel on GPUs of several kinds: it stays within what each of them has, loads nothing in
// `run`, and computes the same.
namespace faltung::cuda {
namespace {

using emulator::machine;

std::vector<Problem> problems() {
  std::vector<Problem> result;
  for (const char* file : {"smoke", "kernels"}) {
    for (const std::string& line :
         test::problem_lines(std::string("tests/problems/") + file + ".txt")) {
      result.push_back(Problem::parse(line));
    }
  }
  return result;
}

/// The emulated GPU while a stream is captured: tasks run as part of a graph.
test::Array run_captured(const Engine& engine, const Problem& p, const test::Operands& operands) {
  class Captured final : public Engine {
   public:
    explicit Captured(const Engine& engine) : engine_(engine) {}
    std::string_view name() const override { return engine_.name(); }
    DeviceKind device_kind() const override { return DeviceKind::cuda; }
    std::vector<WayText> ways() const override { return engine_.ways(); }

   private:
    class CapturedTask final : public Task {
     public:
      explicit CapturedTask(std::unique_ptr<Task> task) : task_(std::move(task)) {}
      ErrorBound error_bound() const override { return task_->error_bound(); }
      std::size_t workspace_bytes() const override { return task_->workspace_bytes(); }
      void run(const RunArguments& arguments) const override {
        const emulator::Capture capture;
        emulator::expect_device_kept("Task::run", [&] { task_->run(arguments); });
      }

     private:
      std::unique_ptr<Task> task_;
    };
    Offer answer(const Problem& p, const Device& device, std::string_view way) const override {
      Offer offer = engine_.offer(p, device, way);
      offer.prepare = [prepare = offer.prepare] {
        return std::make_unique<CapturedTask>(prepare());
      };
      return offer;
    }

    const Engine& engine_;
  };
  return test::run_guarded(*test::test_devices()[0], Captured(engine), p, operands);
}

class CudaLimits : public ::testing::TestWithParam<const Engine*> {
 protected:
  void TearDown() override { machine = {}; }
};

TEST_P(CudaLimits, EveryGpuRunsAndGivesTheSame) {
  const Engine& engine = *GetParam();
  for (const Problem& p : problems()) {
    machine = {};
    if (!engine.offer(p, Device::cuda(0))) continue;
    const test::Operands operands = test::filled_operands(p, test::Fill::reals, test::test_seed());
    const test::Array expected = run_captured(engine, p, operands);
    for (const int architecture : {80, 120}) {
      machine.limits = emulator::device_record(architecture).limits;
      ASSERT_TRUE(engine.offer(p, Device::cuda(0))) << architecture << " [" << p << ']';
      EXPECT_TRUE(test::equal_elements(run_captured(engine, p, operands), expected))
          << engine.name() << " on " << architecture << " [" << p << ']';
    }
  }
  // Their registers and launch bounds were known, so blocks were held to them.
  for (const std::string& kernel : emulator::unknown_kernels()) {
    ADD_FAILURE() << kernel << " is not in tests/emulator/kernel_resources.txt";
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaLimits, ::testing::ValuesIn(engine_list()),
                         [](const ::testing::TestParamInfo<const Engine*>& engine) {
                           std::string name(engine.param->name());
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// The suite that times each kernel asks the right engine, and the kernel it means answers.
TEST(KernelSuite, NamesWhatRuns) {
  std::ifstream file(test::source_path("bench/problems/kernels.txt"));
  std::string engine;
  int problems = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# cuda.")) engine = line.substr(2);
    const std::size_t hash = line.find('#');
    if (hash == 0) continue;
    ++problems;
    const auto engines = engine_list();
    const auto found = std::ranges::find(engines, engine, &Engine::name);
    ASSERT_NE(found, engines.end()) << line;
    const Problem p = Problem::parse(line);
    ASSERT_TRUE((*found)->offer(p, Device::cuda(0))) << line;
    const std::string policy = (*found)->offer(p, Device::cuda(0)).prepare()->policy();
    std::istringstream words(line.substr(hash + 1));
    std::size_t at = 0;
    for (std::string word; words >> word;) {
      at = policy.find(word, at);
      ASSERT_NE(at, std::string::npos)
          << word << " is not where it should be in the policy '" << policy << "' of " << line;
    }
  }
  EXPECT_EQ(problems, 34);
}

// Blocks that walk need no more than a grid holds; others need all of theirs.
TEST(CudaLaunches, KeepWithinAGrid) {
  EXPECT_EQ(grid_of(7), 7u);
  EXPECT_EQ(grid_of(max_blocks + 1), 0x7fffffffu);
  EXPECT_EQ(exact_grid(max_blocks), 0x7fffffffu);
  EXPECT_THROW(exact_grid(max_blocks + 1), DeviceError);
}

// The instance that was compiled for a type or a size runs, and nothing in its place.
TEST(CudaLaunches, FindTheInstanceOrSaySo) {
  DType found = DType::u8;
  visit_type<Half, float>(DType::f32, [&](auto zero) { found = native_type<decltype(zero)>; });
  EXPECT_EQ(found, DType::f32);
  EXPECT_THROW((visit_type<Half, float>(DType::f64, [](auto) {})), DeviceError);
  int size = 0;
  visit_value<3, 5>(5, [&](auto value) { size = value(); });
  EXPECT_EQ(size, 5);
  EXPECT_THROW((visit_value<3, 5>(4, [](auto) {})), DeviceError);
}

// What policies ask for, over all shapes that their kernels take.
TEST(CudaPolicies, AskForNoMoreThanThereIs) {
  using namespace depthwise;
  for (const std::string& name : gpu_machine_names()) {
    const GpuMachine record = *find_gpu_machine(name);
    const std::int64_t max = max_dynamic_shared(record.limits);
    for (const std::int64_t height : {1, 4, 16, 31, 64, 300}) {
      for (const std::int64_t width : {1, 8, 28, 56, 120, 128, 300, 5000}) {
        Geometry g = small_geometry(1, height, width, 2, 3, false);
        for (const std::int64_t rows : {1, 2, 7, 8, 31, 64}) {
          for (const std::int64_t columns : {1, 3, 9, 25, 41, 128, 256}) {
            for (const std::int64_t pad : {0, 1, 7, 127}) {
              g.axis[1].filter = rows;
              g.axis[2].filter = columns;
              g.axis[2].pad_lo = pad;
              ASSERT_LE(2 * gradient_mma_shared(gradient_mma_tiling(g)), max)
                  << record.name << ' ' << height << 'x' << width << ' ' << rows << 'x' << columns;
              if (band_window(columns, pad, band_folds(g)).steps == 0) continue;
              const BandTiling t = band_tiling(g, record.limits);
              ASSERT_LE(2 * t.groups * band_group_size(t), max)
                  << record.name << ' ' << height << 'x' << width << ' ' << rows << 'x' << columns;
            }
          }
        }
        for (const int size : {3, 5, 7}) {
          for (const int bytes : {4, 8}) {
            g.axis[1].filter = g.axis[2].filter = size;
            g.axis[2].pad_lo = size / 2;
            const WindowTiling t = window_tiling(g, bytes, record.limits);
            ASSERT_LE(window_stages(1) * std::int64_t{t.slots} * t.tile_size * bytes, max);
            const std::int64_t sums =
                gradient_window_shared(gradient_window_tiling(g, bytes),
                                       window_rows(1, size, bytes), 16 / bytes) *
                bytes;
            ASSERT_LE(sums, gradient_window_budget);
          }
        }
        Geometry last = small_geometry(1, height, width, 2, 96, true);
        for (const int size : {3, 5, 7}) {
          for (const int stride : {1, 2}) {
            last.axis[1].filter = last.axis[2].filter = size;
            last.axis[1].stride = last.axis[2].stride = stride;
            ASSERT_LE(2 * 4 * channels_tiling(last, 2, record.limits).tile_size, max);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace faltung::cuda
