#pragma once

#include <cstdint>
#include <faltung/faltung.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace faltung::oracles {

/// The named arguments of one call. Each is read once; what was sent and never read is an error, so
/// that no option can be dropped silently.
class CallOptions {
 public:
  explicit CallOptions(nlohmann::json values) : values_(std::move(values)) {}

  /// Sets `field` if `name` was sent.
  template <typename T>
  void read(const char* name, T& field) {
    if (const auto value = take(name)) convert(*value, field);
  }

  /// @throws std::runtime_error naming what no `read` asked for.
  void finish() const {
    if (!values_.empty()) throw std::runtime_error("unknown options " + values_.dump());
  }

 private:
  using Json = nlohmann::json;

  std::optional<Json> take(const char* name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    Json value = *found;
    values_.erase(found);
    return value;
  }

  template <typename T>
  static void convert(const Json& value, T& field) {
    field = value.get<T>();
  }
  template <typename T>
  static void convert(const Json& value, std::optional<T>& field) {
    convert(value, field.emplace());
  }
  template <typename T>
  static void convert(const Json& value, PerAxis<T>& field) {
    const Json list = value.is_array() ? value : Json::array({value});
    std::vector<T> items(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) convert(list[i], items[i]);
    field = PerAxis<T>(std::move(items));
  }
  static void convert(const Json& value, Boundary& field) {
    field = Boundary::parse(value.get<std::string>());
  }
  static void convert(const Json& value, DType& field) {
    field = parse_dtype(value.get<std::string>()).value();
  }
  static void convert(const Json& value, signal::Mode& field) {
    field = signal::parse_mode(value.get<std::string>());
  }
  static void convert(const Json& value, signal::Method& field) {
    field = signal::parse_method(value.get<std::string>());
  }
  static void convert(const Json& value, image::Store& field) {
    if (value == "nearest, saturate") field = {Rounding::nearest_even, Overflow::saturate};
    if (value == "truncate, saturate") field = {Rounding::truncate, Overflow::saturate};
    if (value == "nearest, wrap") field = {Rounding::nearest_even, Overflow::wrap};
  }
  static void convert(const Json& value, signal::Extension& field) {
    field = signal::parse_extension(value.get<std::string>());
  }
  static void convert(const Json& value, signal::PadType& field) {
    field = signal::parse_pad_type(value.get<std::string>());
  }
  static void convert(const Json& value, Layout& field) {
    field = value == "nhwc" ? Layout::channels_last : Layout::channels_first;
  }
  static void convert(const Json& value, std::complex<double>& field) {
    field = value.is_array() ? std::complex<double>(value[0], value[1]) : value.get<double>();
  }
  static void convert(const Json& value, Shape& field) {
    field = Shape(value.get<std::vector<std::int64_t>>());
  }
  static void convert(const Json& value, nn::Padding& field) {
    if (value == "same_upper") field = nn::Padding::same_upper();
    if (value == "same_lower") field = nn::Padding::same_lower();
    if (value == "causal") field = nn::Padding::causal();
    if (value.is_array()) field = nn::Padding::onnx(value.get<std::vector<std::int64_t>>());
  }

  Json values_;
};

}  // namespace faltung::oracles
