#include <nanobind/operators.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "bindings.hpp"

namespace faltung::python {
namespace {

// A Problem, or a line of the notation.
Problem problem_of(nb::handle given) {
  if (PyUnicode_Check(given.ptr())) return Problem::parse(nb::str(given).c_str());
  if (nb::isinstance<Problem>(given)) return *nb::inst_ptr<Problem>(given);
  throw nb::type_error("problem is neither a Problem nor a line of the notation");
}

PlanOptions options_of(const std::string& engine, nb::handle workspace_limit, bool elementwise,
                       const std::string& accuracy, bool reproducible, bool flush_subnormals) {
  PlanOptions options{.engine = engine,
                      .elementwise = elementwise,
                      .accuracy = parse_accuracy(accuracy),
                      .reproducible = reproducible,
                      .flush_subnormals = flush_subnormals};
  if (!workspace_limit.is_none()) {
    options.workspace_limit = nb::cast<std::size_t>(workspace_limit);
  }
  return options;
}

// A plan of Python's, where threads may bind a filter while others run with the one before: they
// wait for each other. Both lock without the interpreter's lock.
struct SharedPlan : Plan {
  explicit SharedPlan(Plan&& plan) : Plan(std::move(plan)) {}
  mutable std::shared_mutex filter;
};

// Strides of the result, where the problem names them.
const Strides& result_strides(const Problem& p) {
  return p.pass == Pass::forward         ? p.y_strides
         : p.pass == Pass::backward_data ? p.x_strides
                                         : p.w_strides;
}

void check_new_result(const Problem& p) {
  if (p.epilogue.beta != 0) {
    throw InvalidProblem("beta is not 0, so the result before counts; pass it as out");
  }
  if (!result_strides(p).empty()) {
    throw InvalidProblem("the problem names strides of the result; pass out");
  }
}

// What `computed` takes.
struct RunOptions {
  Execution run = {};
};

// Into `out`, or into a new array if that is None. `call` takes a stream, the result and the bias.
template <typename Call>
nb::object result_of(const Plan& plan, const Operand* a, const Operand* b, nb::handle out,
                     nb::handle bias, const Call& call) {
  std::optional<Operand> added;
  if (!bias.is_none()) added.emplace(bias, "bias");
  const ConstTensorView bias_view = added ? added->view() : ConstTensorView{};
  const Operand* c = added ? &*added : nullptr;
  const Problem& p = plan.problem();
  if (out.is_none()) check_new_result(p);
  if (out.is_none() && plan.device().kind == DeviceKind::cpu) {
    NewArray result(p.result_dtype(), p.result_shape());
    released([&] { call(Stream{}, result.view, bias_view); });
    return std::move(result.array);
  }
  if (out.is_none()) {
    return computed({a, b, c}, RunOptions{}, [&](const RunOptions& o) {
      Tensor result(p.result_dtype(), p.result_shape(), plan.device());
      call(o.run.stream, result.view(), bias_view);
      return result;
    });
  }
  const Target target(out, "out");
  computed({a, b, c, &target}, RunOptions{},
           [&](const RunOptions& o) { call(o.run.stream, target, bias_view); });
  return nb::borrow(out);
}

nb::object run(const SharedPlan& plan, nb::handle first, nb::handle second, nb::handle out,
               nb::handle bias) {
  const Operand a(first, "the first operand"), b(second, "the second operand");
  return result_of(plan, &a, &b, out, bias,
                   [&](const Stream& stream, const TensorView& y, const ConstTensorView& added) {
                     plan.run(stream, a, b, y, {}, added);
                   });
}

nb::object run_bound(const SharedPlan& plan, nb::handle operand, nb::handle out, nb::handle bias) {
  const Operand a(operand, "the operand");
  return result_of(plan, &a, nullptr, out, bias,
                   [&](const Stream& stream, const TensorView& y, const ConstTensorView& added) {
                     const std::shared_lock lock(plan.filter);
                     plan.run_bound(stream, a, y, {}, added);
                   });
}

nb::dict facts_of(const SharedPlan& plan) {
  const PlanFacts facts = plan.facts();
  nb::dict all;
  all["threads"] = facts.threads;
  all["instruction_set"] = facts.instruction_set;
  all["flushes_subnormals"] = facts.flushes_subnormals;
  all["bitwise_reproducible"] = facts.bitwise_reproducible;
  all["reproducible"] = facts.reproducible;
  all["workspace_bytes"] = facts.workspace_bytes;
  all["memory_passes"] = facts.memory_passes;
  return all;
}

std::string explain(const Problem& problem, const std::string& place, const std::string& engine) {
  if (find_cpu_machine(place) || find_gpu_machine(place)) {
    return explain_for(problem, place, engine);
  }
  return Plan::make(problem, Device::parse(place), {.engine = engine}).explain();
}

}  // namespace

void bind_plan(nb::module_& m) {
  nb::class_<Problem>(m, "Problem",
                      "What to compute, from one line of the notation.\n\n"
                      ">>> p = Problem('op=fwd dtype=f32 c=3 in=9x9 k=4 f=3x3 pad=1')\n"
                      ">>> p.x_shape, p.w_shape, p.result_shape\n"
                      "((1, 3, 9, 9), (4, 3, 3, 3), (1, 4, 9, 9))")
      .def("__init__",
           [](Problem* self, const std::string& line) { new (self) Problem(Problem::parse(line)); })
      .def("__str__", [](const Problem& p) { return to_string(p); })
      .def("__repr__", [](const Problem& p) { return "Problem('" + to_string(p) + "')"; })
      .def("__hash__", [](const Problem& p) { return std::hash<Problem>{}(p); })
      .def(
          "__eq__", [](const Problem& a, const Problem& b) { return a == b; }, nb::is_operator())
      .def("__reduce__",
           [](const Problem& p) {
             return nb::make_tuple(nb::type<Problem>(), nb::make_tuple(to_string(p)));
           })
      .def_prop_ro("x_shape", [](const Problem& p) { return tuple_of(p.x_shape()); })
      .def_prop_ro("w_shape", [](const Problem& p) { return tuple_of(p.w_shape()); })
      .def_prop_ro("y_shape", [](const Problem& p) { return tuple_of(p.y_shape()); })
      .def_prop_ro("result_shape", [](const Problem& p) { return tuple_of(p.result_shape()); })
      .def_prop_ro("multiply_adds", &Problem::multiply_adds);

  nb::class_<SharedPlan>(
      m, "Plan",
      "A problem ready to run, as often as wanted and from any number of threads.\n\n"
      ">>> import numpy as np\n"
      ">>> plan = Plan('op=fwd dtype=f64 in=5 f=3 pad=1 flip=1')\n"
      ">>> x = np.arange(1., 6.).reshape(1, 1, 5)\n"
      ">>> plan.run(x, np.array([[[1., 10., 100.]]])).ravel()\n"
      "array([ 12., 123., 234., 345., 450.])")
      .def(
          "__init__",
          [](SharedPlan* self, nb::handle problem, const std::string& device,
             const std::string& engine, nb::handle workspace_limit, bool elementwise,
             const std::string& accuracy, bool reproducible, bool flush_subnormals) {
            const auto options = options_of(engine, workspace_limit, elementwise, accuracy,
                                            reproducible, flush_subnormals);
            new (self) SharedPlan(Plan::make(problem_of(problem), Device::parse(device), options));
          },
          nb::arg("problem"), nb::arg("device") = "cpu", nb::kw_only(), nb::arg("engine") = "",
          nb::arg("workspace_limit").none() = nb::none(), nb::arg("elementwise") = false,
          nb::arg("accuracy") = "normwise", nb::arg("reproducible") = false,
          nb::arg("flush_subnormals") = false)
      .def("run", run, nb::arg("first"), nb::arg("second"), nb::arg("out").none() = nb::none(),
           nb::arg("bias").none() = nb::none(),
           "The result from both operands: (x, w), (dy, w) or (x, dy), as the pass names them.")
      .def(
          "bind_filter",
          [](SharedPlan& plan, nb::handle w) {
            const Operand filter(w, "w");
            computed({&filter}, RunOptions{}, [&](const RunOptions& o) {
              const std::unique_lock lock(plan.filter);
              plan.bind_filter(o.run.stream, filter.view());
            });
          },
          nb::arg("w"),
          "Keeps the filter in the form that the engine likes best. Waits for threads that run "
          "with "
          "the one before.")
      .def("run_bound", run_bound, nb::arg("operand"), nb::arg("out").none() = nb::none(),
           nb::arg("bias").none() = nb::none(), "As run, with the filter bound before.")
      .def(
          "with_batch",
          [](const SharedPlan& plan, std::int64_t batch) {
            return std::make_unique<SharedPlan>(plan.with_batch(batch));
          },
          nb::arg("batch"), "The same problem, engine and options for another batch.")
      .def("explain", &Plan::explain, "Several lines for people: what was chosen, and why.")
      .def_prop_ro("problem", [](const SharedPlan& plan) { return plan.problem(); })
      .def_prop_ro("device", [](const SharedPlan& plan) { return to_string(plan.device()); })
      .def_prop_ro("engine", &Plan::engine)
      .def_prop_ro("way", &Plan::way)
      .def_prop_ro("policy", &Plan::policy)
      .def_prop_ro("workspace_bytes", &Plan::workspace_bytes)
      .def_prop_ro("estimate_us", &Plan::estimate_us)
      .def_prop_ro("error_bound",
                   [](const SharedPlan& plan) { return to_string(plan.error_bound()); })
      .def_prop_ro("facts", facts_of);

  m.def(
      "explain",
      [](nb::handle problem, const std::string& place, const std::string& engine) {
        return explain(problem_of(problem), place, engine);
      },
      nb::arg("problem"), nb::arg("place") = "cpu", nb::kw_only(), nb::arg("engine") = "");
}

}  // namespace faltung::python
