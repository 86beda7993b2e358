#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.hpp"

/// The functions of `faltung._core`, which faltung's modules give their names and defaults.
namespace faltung::python {

void bind_signal(nb::module_& m);   ///< scipy.signal and numpy
void bind_image(nb::module_& m);    ///< scipy.ndimage; each writes into its last argument
void bind_nn(nb::module_& m);       ///< layers and their gradients
void bind_plan(nb::module_& m);     ///< Problem and Plan
void bind_jax(nb::module_& m);      ///< where jaxlib's headers were: what XLA calls
void bind_options(nb::module_& m);  ///< how calls are carried out
void bind_wisdom(nb::module_& m);   ///< what is measured, and remembered

}  // namespace faltung::python
