#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.hpp"

NB_MODULE(_core, m) {
  using namespace faltung;
  nanobind::exception<InvalidProblem>(m, "InvalidProblem", PyExc_ValueError);
  nanobind::exception<NoEngine>(m, "NoEngine", PyExc_RuntimeError);
  nanobind::exception<DeviceError>(m, "DeviceError", PyExc_RuntimeError);
  m.def("version", [] { return std::string(version()); });
  m.def("threads", &threads);
  m.def("set_threads", &set_threads);
  python::bind_devices(m);
  python::bind_options(m);
  python::bind_signal(m);
  python::bind_image(m);
  python::bind_nn(m);
  python::bind_plan(m);
#ifdef FALTUNG_HAVE_JAX
  python::bind_jax(m);
#endif
  python::bind_wisdom(m);
}
