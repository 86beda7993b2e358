#include "options.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

#include "bindings.hpp"

namespace faltung::python {
namespace {

// Of the interpreter: what a `with` statement set in this thread or task, and its default, None.
PyObject* in_force() {
  static PyObject* const variable = PyContextVar_New("faltung.options", Py_None);
  return variable;
}

}  // namespace

CallOptions call_options() {
  PyObject* value = nullptr;
  if (PyContextVar_Get(in_force(), nullptr, &value) != 0) throw nb::python_error();
  const nb::object given = nb::steal(value);
  return given.is_none() ? CallOptions{} : *nb::inst_ptr<CallOptions>(given);
}

std::int64_t packed_options(const CallOptions& options) {
  const Execution& run = options.run;
  return std::int64_t{static_cast<std::uint8_t>(options.method)} +
         (run.accuracy == Accuracy::elementwise ? 4 : 0) + (run.reproducible ? 8 : 0) +
         (run.flush_subnormals ? 16 : 0);
}

CallOptions unpacked_options(std::int64_t packed) {
  CallOptions options;
  options.method = static_cast<Method>(packed & 3);
  options.run.accuracy = (packed & 4) != 0 ? Accuracy::elementwise : Accuracy::normwise;
  options.run.reproducible = (packed & 8) != 0;
  options.run.flush_subnormals = (packed & 16) != 0;
  return options;
}

void bind_options(nb::module_& m) {
  nb::class_<CallOptions>(m, "CallOptions", nb::dynamic_attr())
      .def(
          "__init__",
          [](CallOptions* self, const std::string& method, const std::string& accuracy,
             bool reproducible, bool flush_subnormals, const std::string& engine,
             std::optional<std::size_t> workspace_limit) {
            CallOptions made;
            made.method = parse_method(method);
            made.run.accuracy = parse_accuracy(accuracy);
            made.run.reproducible = reproducible;
            made.run.flush_subnormals = flush_subnormals;
            made.run.engine = engine;
            if (workspace_limit) made.run.workspace_limit = *workspace_limit;
            new (self) CallOptions(made);
          },
          nb::kw_only(), nb::arg("method") = "auto", nb::arg("accuracy") = "normwise",
          nb::arg("reproducible") = false, nb::arg("flush_subnormals") = false,
          nb::arg("engine") = "", nb::arg("workspace_limit").none() = nb::none());
  m.def("packed_options", &packed_options);
  m.attr("options_in_force") = nb::borrow(in_force());
}

}  // namespace faltung::python
