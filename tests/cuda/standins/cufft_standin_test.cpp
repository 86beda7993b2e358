#include "tests/cuda/standins/cufft_standin.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <complex>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <faltung/error.hpp>

#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/host_twins.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"
#include "tests/emulator/violation.hpp"

// The library that stands in for cuFFT gives the numbers of a transform, and objects to what the
// real one punishes.
namespace faltung::test {
namespace {

using cuda::cufft::Direction;
using cuda::cufft::Functions;
using cuda::cufft::Handle;
using cuda::cufft::Kind;
using cuda::cufft::Plan;
using cuda::cufft::Shape;
using cuda::cufft::Status;
using cuda::cufft::Type;

// Device memory.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_(bytes) { (void)cudaMalloc(&data_, bytes); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { (void)cudaFree(data_); }
  [[nodiscard]] char* data() const { return static_cast<char*>(data_); }
  template <typename T>
  void write(const std::vector<T>& values) {
    (void)cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
    (void)cudaDeviceSynchronize();
  }
  template <typename T>
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> values(bytes_ / sizeof(T));
    (void)cudaMemcpy(values.data(), data_, bytes_, cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

template <typename T>
std::vector<T> random_values(std::size_t count) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> values(count);
  for (T& value : values) {
    if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<T>(uniform(random));
    } else {
      value = {static_cast<typename T::value_type>(uniform(random)),
               static_cast<typename T::value_type>(uniform(random))};
    }
  }
  return values;
}

// One value of the transform, from its definition.
template <typename T>
std::complex<double> by_definition(const T* values, const std::array<int, 3>& n,
                                   const std::array<int, 3>& k, double sign) {
  std::complex<double> sum = 0;
  for (int x = 0; x < n[0]; ++x) {
    for (int y = 0; y < n[1]; ++y) {
      for (int z = 0; z < n[2]; ++z) {
        const double turn = static_cast<double>(x * k[0]) / n[0] +
                            static_cast<double>(y * k[1]) / n[1] +
                            static_cast<double>(z * k[2]) / n[2];
        sum += std::complex<double>(values[(x * n[1] + y) * n[2] + z]) *
               std::polar(1.0, sign * 2 * std::numbers::pi * turn);
      }
    }
  }
  return sum;
}

// Room for the error of a transform of n numbers of f32 or f64 that are at most 1.
double room(double n, bool wide) { return 8 * n * std::log2(n + 1) * (wide ? 0x1p-52 : 0x1p-23); }

template <typename Real>
void expect_real_numbers(const std::array<int, 3>& n, int batch) {
  using Part = std::complex<Real>;
  constexpr bool wide = std::is_same_v<Real, double>;
  const int points = n[0] * n[1] * n[2], kept = n[2] / 2 + 1, bins = n[0] * n[1] * kept;
  const Shape shape{3, {n[0], n[1], n[2]}, batch};
  const Plan forward(shape, Kind::real_to_complex, wide);
  const Plan inverse(shape, Kind::complex_to_real, wide);
  Memory x(static_cast<std::size_t>(batch * points) * sizeof(Real));
  Memory spectrum(static_cast<std::size_t>(batch * bins) * sizeof(Part));
  Memory back(static_cast<std::size_t>(batch * points) * sizeof(Real));
  Memory work(std::max({forward.work_bytes(), inverse.work_bytes(), std::size_t{1}}));
  const auto values = random_values<Real>(static_cast<std::size_t>(batch * points));
  x.write(values);
  forward.set(nullptr, work.data());
  forward.run(x.data(), spectrum.data(), Direction::forward);
  const auto found = spectrum.read<Part>();
  for (int b = 0; b < batch; ++b) {
    for (int i = 0; i < bins; ++i) {
      const auto exact = by_definition(&values[static_cast<std::size_t>(b * points)], n,
                                       {i / kept / n[1], i / kept % n[1], i % kept}, -1.0);
      const auto value = std::complex<double>(found[static_cast<std::size_t>(b * bins + i)]);
      ASSERT_LE(std::abs(value - exact), room(points, wide)) << b << ' ' << i;
    }
  }
  inverse.set(nullptr, work.data());
  inverse.run(spectrum.data(), back.data(), Direction::inverse);
  const auto returned = back.read<Real>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_LE(std::abs(static_cast<double>(returned[i]) / points - static_cast<double>(values[i])),
              room(points, wide))
        << i;
  }
  // It destroys its input, always.
  for (const Part& value : spectrum.read<Part>()) EXPECT_TRUE(std::isnan(value.real()));
}

TEST(CufftStandin, RealNumbers) {
  expect_real_numbers<float>({1, 1, 12}, 1);
  expect_real_numbers<float>({1, 5, 9}, 3);
  expect_real_numbers<double>({4, 3, 10}, 2);
  expect_real_numbers<double>({1, 1, 13}, 2);
}

TEST(CufftStandin, ComplexNumbersBothWays) {
  for (const auto& [direction, sign] :
       {std::pair{Direction::forward, -1.0}, {Direction::inverse, 1.0}}) {
    const std::array<int, 3> n{2, 3, 5};
    const Plan plan({3, {2, 3, 5}, 1}, Kind::complex_to_complex, false);
    Memory x(30 * 8), y(30 * 8), work(std::max<std::size_t>(plan.work_bytes(), 1));
    const auto values = random_values<std::complex<float>>(30);
    x.write(values);
    plan.set(nullptr, work.data());
    plan.run(x.data(), y.data(), direction);
    const auto found = y.read<std::complex<float>>();
    for (int i = 0; i < 30; ++i) {
      const auto exact = by_definition(values.data(), n, {i / 15, i / 5 % 3, i % 5}, sign);
      EXPECT_LE(std::abs(std::complex<double>(found[static_cast<std::size_t>(i)]) - exact),
                room(30, false));
    }
    EXPECT_EQ(x.read<std::complex<float>>(), values);
    // What was left in the work area is no use to anybody.
    for (const float number : work.read<float>()) EXPECT_TRUE(std::isnan(number));
  }
}

// A plan by hand, for misuse.
struct Raw {
  const Functions& f = cufft_standin().raw;
  Handle handle = 0;
  std::size_t work = 0;
  Raw() { EXPECT_EQ(f.create(&handle), Status::success); }
  ~Raw() { (void)f.destroy(handle); }
  Status make(long long n, long long batch, Type in = Type::f32, Type out = Type::c64,
              Type execution = Type::c64) {
    return f.make_plan_many(handle, 1, &n, nullptr, 1, 1, in, nullptr, 1, 1, out, batch, &work,
                            execution);
  }
};

// Does the right thing, or the same with one mistake.
struct Misuse {
  std::string name;
  std::string words;  ///< of the objection
  std::function<void(bool broken)> act;
};

// 64 transforms of 80 real numbers, which need a work area.
struct Prepared : Raw {
  Memory x{64 * 80 * 4}, y{64 * 41 * 8};
  Memory area;
  explicit Prepared(bool own = false)
      : area((own ? void(0) : void(f.set_auto_allocation(handle, 0)), void(make(80, 64)),
              work + 512)) {
    x.write(random_values<float>(64 * 80));
  }
  void run() { EXPECT_EQ(f.exec(handle, x.data(), y.data(), Direction::forward), Status::success); }
};

// What a callback may do: its input is not what the plan transforms.
float twice(void* input, unsigned long long offset, void*, void*) {
  return 2 * static_cast<const float*>(input)[offset / 2];
}
const emulator::HostTwin twins[] = {{"twice", reinterpret_cast<void*>(twice)}};

// A plan of 16 real numbers with one.
struct WithCallback : Raw {
  emulator::HostTwins code{twins};
  std::string name = "twice";
  cuda::cufft::CallbackType type = cuda::cufft::CallbackType::load_f32;
  Status set() {
    return cufft_standin().set_callback(handle, name.c_str(), &code, sizeof(code), type, nullptr);
  }
};

const std::vector<Misuse> misuses = {
    {"LateCallback", "set after the plan is made",
     [](bool broken) {
       WithCallback plan;
       if (broken) (void)plan.make(16, 1);
       EXPECT_EQ(plan.set(), Status::success);
     }},
    {"SecondCallback", "set twice",
     [](bool broken) {
       WithCallback plan;
       (void)plan.set();
       if (broken) (void)plan.set();
     }},
    {"CallbackCodeChanges", "changed before the plan was made",
     [](bool broken) {
       WithCallback plan;
       (void)plan.set();
       if (broken) plan.code.magic = 0;
       EXPECT_EQ(plan.make(16, 1), Status::success);
     }},
    {"CallbackNameChanges", "changed before the plan was made",
     [](bool broken) {
       WithCallback plan;
       (void)plan.set();
       if (broken) plan.name[0] = 'x';
       EXPECT_EQ(plan.make(16, 1), Status::success);
     }},
    {"NoWorkArea", "runs without its work area",
     [](bool broken) {
       Prepared plan;
       EXPECT_GT(plan.work, 0U);
       if (!broken) (void)plan.f.set_work_area(plan.handle, plan.area.data());
       plan.run();
     }},
    {"UnalignedWorkArea", "not aligned to 256",
     [](bool broken) {
       Prepared plan;
       (void)plan.f.set_work_area(plan.handle, plan.area.data() + (broken ? 128 : 256));
       plan.run();
     }},
    {"SmallWorkArea", "outside global memory",
     [](bool broken) {
       Prepared plan;
       (void)plan.f.set_work_area(plan.handle, plan.area.data() + (broken ? 768 : 512));
       plan.run();
     }},
    {"LateAutoAllocation", "after the plan is made",
     [](bool broken) {
       Raw plan;
       if (broken) (void)plan.make(16, 1);
       (void)plan.f.set_auto_allocation(plan.handle, 0);
     }},
    {"PlanInCapture", "while a stream is captured",
     [](bool broken) {
       Raw plan;
       if (!broken) return (void)plan.make(16, 1);
       const emulator::Capture capture;
       (void)plan.make(16, 1);
     }},
    {"AnotherDevice", "another device",
     [](bool broken) {
       emulator::machine.devices = 2;
       Raw plan;
       emulator::machine.current = broken ? 1 : 0;
       (void)plan.make(16, 1);
     }},
    {"Overlap", "overlap",
     [](bool broken) {
       Raw plan;
       (void)plan.make(16, 1);
       Memory x(256);
       x.write(random_values<float>(64));
       (void)plan.f.exec(plan.handle, x.data(), x.data() + (broken ? 32 : 128), Direction::forward);
     }},
    {"InPlaceRows", "not padded",
     [](bool broken) {
       Raw plan;
       long long n = 16, real = broken ? 16 : 18, complex = 9;
       (void)plan.f.make_plan_many(plan.handle, 1, &n, &real, 1, real, Type::f32, &complex, 1, 9,
                                   Type::c64, 1, &plan.work, Type::c64);
       Memory x(256);
       x.write(random_values<float>(64));
       (void)plan.f.exec(plan.handle, x.data(), x.data(), Direction::forward);
     }},
    {"SmallOutput", "outside global memory",
     [](bool broken) {
       Raw plan;
       (void)plan.make(16, 1);
       Memory x(64), y(broken ? 64 : 72);
       x.write(random_values<float>(16));
       (void)plan.f.exec(plan.handle, x.data(), y.data(), Direction::forward);
     }},
    {"UnsetInput", "unset",
     [](bool broken) {
       Raw plan;
       (void)plan.make(16, 1);
       Memory x(64), y(72);
       x.write(random_values<float>(broken ? 15 : 16));
       (void)plan.f.exec(plan.handle, x.data(), y.data(), Direction::forward);
     }},
};

class CufftMisuse : public ::testing::TestWithParam<Misuse> {};

TEST_P(CufftMisuse, IsObjectedTo) {
  const auto objection = [&](bool broken) -> std::string {
    try {
      GetParam().act(broken);
    } catch (const emulator::Violation& violation) {
      emulator::machine = {};
      return violation.what();
    }
    emulator::machine = {};
    return "none";
  };
  EXPECT_EQ(objection(false), "none");
  EXPECT_NE(objection(true).find(GetParam().words), std::string::npos) << objection(true);
}
INSTANTIATE_TEST_SUITE_P(All, CufftMisuse, ::testing::ValuesIn(misuses),
                         [](const auto& misuse) { return misuse.param.name; });

TEST(CufftStandin, DocumentedAnswers) {
  const Functions& f = cufft_standin().raw;
  EXPECT_EQ(f.set_stream(1, nullptr), Status::invalid_plan);
  EXPECT_EQ(f.destroy(1), Status::invalid_plan);
  Raw plan;
  EXPECT_EQ(plan.make(0, 1), Status::invalid_size);
  EXPECT_EQ(plan.make(8, 0), Status::invalid_size);
  EXPECT_EQ(plan.make(8, 1, Type::f32, Type::c128), Status::invalid_type);
  EXPECT_EQ(plan.make(8, 1, Type::f32, Type::f32), Status::invalid_type);
  EXPECT_EQ(plan.make(8, 1, Type::f32, Type::c64, Type::c128), Status::invalid_type);
  long long n = 8;
  EXPECT_EQ(f.make_plan_many(plan.handle, 1, &n, &n, 1, 8, Type::f32, nullptr, 1, 5, Type::c64, 1,
                             &plan.work, Type::c64),
            Status::invalid_value);
  EXPECT_EQ(f.make_plan_many(plan.handle, 4, &n, nullptr, 1, 8, Type::f32, nullptr, 1, 5, Type::c64,
                             1, &plan.work, Type::c64),
            Status::invalid_value);
  Memory x(64), y(64);
  EXPECT_EQ(f.exec(plan.handle, x.data(), y.data(), Direction::forward), Status::invalid_plan);
  ASSERT_EQ(plan.make(8, 1), Status::success);
  EXPECT_EQ(plan.make(8, 1), Status::invalid_plan);
  EXPECT_EQ(f.exec(plan.handle, x.data() + 4, y.data(), Direction::forward),
            Status::unaligned_data);
}

// A callback is called for every element of all arrays, with nothing else read of the input.
TEST(CufftStandin, CallbacksGiveTheInput) {
  WithCallback plan;
  ASSERT_EQ(plan.set(), Status::success);
  ASSERT_EQ(plan.make(16, 2), Status::success);
  Raw plain;
  ASSERT_EQ(plain.make(16, 2), Status::success);
  const auto values = random_values<float>(16);
  std::vector<float> doubled;
  for (const float value : values) doubled.insert(doubled.end(), 2, 2 * value);
  Memory half(64), whole(128), y(144), expected(144);
  half.write(values);
  whole.write(doubled);
  EXPECT_EQ(plan.f.exec(plan.handle, half.data(), y.data(), Direction::forward), Status::success);
  EXPECT_EQ(plan.f.exec(plain.handle, whole.data(), expected.data(), Direction::forward),
            Status::success);
  EXPECT_EQ(y.read<float>(), expected.read<float>());
}

TEST(CufftStandin, AnswersToCallbacks) {
  const auto answer = [](const std::function<void(WithCallback&)>& change) {
    WithCallback plan;
    change(plan);
    const Status status = plan.set();
    return status == Status::success ? plan.make(16, 1) : status;
  };
  using Kinds = cuda::cufft::CallbackType;
  EXPECT_EQ(answer([](WithCallback&) {}), Status::success);
  EXPECT_EQ(answer([](WithCallback& plan) { plan.name = "thrice"; }), Status::nvrtc_failure);
  EXPECT_EQ(answer([](WithCallback& plan) { plan.code.magic = 0; }), Status::nvrtc_failure);
  EXPECT_EQ(answer([](WithCallback& plan) { plan.type = Kinds::load_c64; }), Status::invalid_type);
  EXPECT_EQ(answer([](WithCallback& plan) { plan.type = Kinds::load_f64; }), Status::invalid_type);
  EXPECT_EQ(answer([](WithCallback& plan) { plan.type = Kinds{7}; }), Status::not_supported);
  WithCallback plan;
  EXPECT_EQ(cufft_standin().set_callback(plan.handle, "twice", nullptr, 8, plan.type, nullptr),
            Status::invalid_value);
  EXPECT_EQ(cufft_standin().set_callback(1, "twice", &plan.code, 8, plan.type, nullptr),
            Status::invalid_plan);
}

TEST(CufftStandin, TwoThreadsInOnePlan) {
  Raw plan;
  ASSERT_EQ(plan.make(1 << 14, 8), Status::success);
  Memory x((8 << 14) * 4), y(8 * ((1 << 13) + 1) * 8);
  x.write(random_values<float>(8 << 14));
  std::atomic<bool> started = false;
  std::thread other([&] {
    started = true;
    (void)plan.f.exec(plan.handle, x.data(), y.data(), Direction::forward);
    started = false;
  });
  while (!started) std::this_thread::yield();
  std::string objection = "none";
  while (started && objection == "none") {
    try {
      (void)plan.f.set_stream(plan.handle, nullptr);
    } catch (const emulator::Violation& violation) {
      objection = violation.what();
    }
  }
  other.join();
  EXPECT_NE(objection.find("two threads use one plan"), std::string::npos) << objection;
}

// Every call of every function, with every status that cuFFT has: an error that names both, and
// nothing left behind.
TEST(CufftStandin, FailsOnRequest) {
  const Shape shape{1, {64, 1, 1}, 1};
  Memory x(64 * 4), y(33 * 8);
  x.write(random_values<float>(64));
  const emulator::HostTwins code(twins);
  const cuda::cufft::Callback load{.name = "twice",
                                   .code = std::as_bytes(std::span(&code, 1)),
                                   .type = cuda::cufft::CallbackType::load_f32};
  const auto act = [&] {
    const Plan plan(shape, Kind::real_to_complex, false, &load);
    plan.set(nullptr, nullptr);
    plan.run(x.data(), y.data(), Direction::forward);
  };
  int failures = 0;
  for (const char* function : {"cufftCreate", "cufftSetAutoAllocation", "cufftXtSetJITCallback",
                               "cufftXtMakePlanMany", "cufftSetStream", "cufftXtExec"}) {
    for (const int status : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 17, 18, 19, 20}) {
      cufft_standin().fail(function, 1, status);
      try {
        act();
        ADD_FAILURE() << function << ' ' << status;
      } catch (const DeviceError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find(function), std::string::npos) << text;
        EXPECT_NE(text.find(name(Status{status})), std::string::npos) << text;
        ++failures;
      } catch (const std::bad_alloc&) {  // the planner asks another engine
        EXPECT_EQ(Status{status}, Status::alloc_failed);
        ++failures;
      }
      EXPECT_EQ(cufft_standin().open_plans(), 0);
    }
  }
  EXPECT_EQ(failures, 6 * 17);
  cufft_standin().fail("", 0, 0);
  act();
  EXPECT_EQ(cufft_standin().calls("any"), 7);
}

TEST(CufftStandinDeathTest, ReportsWhatIsNeverDestroyed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leak = [] {
    Handle handle = 0;
    (void)cufft_standin().raw.create(&handle);
    std::exit(0);
  };
  EXPECT_EXIT(leak(), ::testing::ExitedWithCode(1), "1 plans of cuFFT were never destroyed");
}

}  // namespace
}  // namespace faltung::test
