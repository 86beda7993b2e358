#pragma once

// What many tests include, parsed once; see faltung_precompile.
// Not faltung.hpp: with every front end seen, calls that name none would become ambiguous.

#include <gtest/gtest.h>

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
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>
