#pragma once

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "cpp/core/engine.hpp"
#include "cpp/core/message.hpp"

namespace faltung {

/// When a way that serves a problem is taken.
enum class Taken : std::uint8_t {
  always,
  if_faster  ///< unless what would be taken without it is quoted less
};

/// One way of an engine: a row of its table.
///
/// @tparam Call  a problem as the engine looks at it, worked out once for all rows
template <typename Call>
struct Way {
  std::string_view name;   ///< `engine=cpu.direct/in_place` asks for "in_place"
  std::string_view takes;  ///< `serves` in words, for the table in docs/engines
  bool (*serves)(const Call&);
  double (*us)(const Call&);  ///< quoted only for calls that it serves
  std::unique_ptr<Task> (*make)(const Call&);
  Taken taken = Taken::always;
};

/// The row that runs a call: the first that serves it, but see Taken. Null if there is none.
template <typename Row, typename Call>
[[nodiscard]] const Row* choose_way(std::span<const Row> ways, const Call& call) {
  const auto way = std::ranges::find_if(ways, [&](const Row& row) { return row.serves(call); });
  if (way == ways.end()) return nullptr;
  if (way->taken == Taken::always) return &*way;
  const auto next = static_cast<std::size_t>(std::distance(ways.begin(), way)) + 1;
  const Row* other = choose_way(ways.subspan(next), call);
  return other == nullptr || way->us(call) < other->us(call) ? &*way : other;
}

/// The same if one row alone is asked for. Its refusal says what it takes.
template <typename Row, typename Call>
[[nodiscard]] const Row* choose_way(std::span<const Row> ways, const Call& call,
                                    std::string_view wanted, std::string& refusal) {
  if (wanted.empty()) return choose_way(ways, call);
  const auto way = std::ranges::find(ways, wanted, &Row::name);
  if (way == ways.end()) {
    refusal = message("has no way '", wanted, "'");
  } else if (!way->serves(call)) {
    refusal = message(wanted, " takes ", way->takes);
  } else {
    return &*way;
  }
  return nullptr;
}

/// What an engine offers whose rows quote the whole time of a run.
///
/// @param none  why no row serves, if that can be
template <typename Call>
[[nodiscard]] Offer offer_of(std::span<const Way<Call>> ways, const Call& call,
                             std::string_view wanted, std::string none = {}) {
  const Way<Call>* way = choose_way(ways, call, wanted, none);
  if (way == nullptr) return Offer::no(std::move(none));
  return {.refusal = {}, .way = way->name, .estimate_us = way->us(call), .prepare = [call, way] {
            return way->make(call);
          }};
}

template <typename Row>
[[nodiscard]] std::vector<WayText> texts(std::span<const Row> ways) {
  std::vector<WayText> list;
  for (const Row& way : ways) list.push_back({way.name, way.takes});
  return list;
}

}  // namespace faltung
