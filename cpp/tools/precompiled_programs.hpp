#pragma once

// What many sources of the program include, parsed once; see faltung_precompile.

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/App.hpp>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>
#include <nlohmann/json.hpp>
