#pragma once

/// Everything Faltung offers.

#include <faltung/accuracy.hpp>
#include <faltung/allocator.hpp>
#include <faltung/boundary.hpp>
#include <faltung/data_range.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/error.hpp>
#include <faltung/execution.hpp>
#include <faltung/extents.hpp>
#include <faltung/filters.hpp>
#include <faltung/half.hpp>
#include <faltung/image.hpp>
#include <faltung/libraries.hpp>
#include <faltung/lowering.hpp>
#include <faltung/machine.hpp>
#include <faltung/masked.hpp>
#include <faltung/method.hpp>
#include <faltung/nn.hpp>
#include <faltung/nn_quantised.hpp>
#include <faltung/numpy.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/plan.hpp>
#include <faltung/plan_cache.hpp>
#include <faltung/problem.hpp>
#include <faltung/promotion.hpp>
#include <faltung/rank.hpp>
#include <faltung/resample.hpp>
#include <faltung/restoration.hpp>
#include <faltung/result_view.hpp>
#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>
#include <faltung/tensor_view.hpp>
#include <faltung/threads.hpp>
#include <faltung/version.hpp>

namespace faltung {

using signal::convolve;
using signal::correlate;
using signal::Mode;

}  // namespace faltung
