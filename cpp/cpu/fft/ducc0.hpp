#pragma once

// ducc0 as a part of this library: a namespace of our own for each instruction set it is compiled
// for, so that neither another copy in the process nor another set's meets this one, and no threads
// of its own.
#define FALTUNG_JOIN_NAMES(a, b) a##b
#define FALTUNG_JOIN(a, b) FALTUNG_JOIN_NAMES(a, b)
#define DUCC0_NAMESPACE FALTUNG_JOIN(faltung_ducc0_, FALTUNG_FFT_SET)
#define DUCC0_NO_LOWLEVEL_THREADING
