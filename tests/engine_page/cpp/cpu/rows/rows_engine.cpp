#include "cpp/cpu/rows/rows_engine.hpp"

#include "cpp/core/way.hpp"
#include "cpp/cpu/rows/rows_task.hpp"

namespace faltung {
namespace {

constexpr Way<Problem> all_ways[] = {
    {.name = "taps",
     .takes = "forward problems",
     .serves = [](const Problem& p) { return p.pass == Pass::forward; },
     .us =
         [](const Problem& p) {
           constexpr double start_us = 0.3;       // of the smallest run
           constexpr double product_us = 0.5e-3;  // f32 on a core of an AMD EPYC: 0.25 to 0.62 ns
           return start_us + product_us * p.multiply_adds();
         },
     .make = [](const Problem& p) -> std::unique_ptr<Task> {
       return visit_accumulator(p.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
         return std::make_unique<RowsTask<decltype(zero)>>(p);
       });
     }},
};

class RowsEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.rows"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return texts<Way<Problem>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device&, std::string_view wanted) const override {
    return offer_of<Problem>(all_ways, p, wanted, "computes y, not the gradients");
  }
};

}  // namespace

const Engine& rows_engine() {
  static const RowsEngine engine;
  return engine;
}

}  // namespace faltung
