#pragma once

// ducc0 as a part of this library: a namespace of our own, so that another copy in the process does
// not meet this one, and no threads of its own.
#define DUCC0_NAMESPACE faltung_ducc0
#define DUCC0_NO_LOWLEVEL_THREADING
#include "ducc0/fft/fft1d_impl.h"
