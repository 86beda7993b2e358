#include "cpp/cpu/rank/network.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace faltung::rank {
namespace {

// A row of the network before it has a slot: what a step makes, read `offset` elements further on.
struct Wire {
  static constexpr std::int64_t least = -1;     // minus infinity
  static constexpr std::int64_t greatest = -2;  // infinity
  static constexpr std::int64_t input = -3;     // the tile, at `offset`
  std::int64_t made = input;                    // or 2 step (the minimum), 2 step + 1 (the maximum)
  std::int64_t offset = 0;

  [[nodiscard]] bool is_made() const { return made >= 0; }
  [[nodiscard]] Wire moved(std::int64_t along) const { return {made, offset + along}; }
  friend bool operator==(const Wire&, const Wire&) = default;
};
using List = std::vector<Wire>;  // ascending

struct Comparison {
  Wire a, b;
};

List every_second(const List& list, std::size_t first) {
  List half;
  for (std::size_t i = first; i < list.size(); i += 2) half.push_back(list[i]);
  return half;
}

class Builder {
 public:
  Builder(std::int64_t members, std::int64_t rank) : members_(members), rank_(rank) {}

  // The wire with the rank among all members.
  Wire select(std::vector<Member> members) {
    if (members.size() == 1) return wire_of(members.front());
    const auto [left, right] = split(std::move(members));
    const List first = sorted(left);
    return select(first, sorted(right));
  }

  [[nodiscard]] const std::vector<Comparison>& comparisons() const { return comparisons_; }

 private:
  static Wire wire_of(const Member& member) { return {Wire::input, member.outer + member.along}; }

  // In two parts: along the row at the largest power of two, so that the parts of neighbours are
  // alike; a column in halves.
  static std::pair<std::vector<Member>, std::vector<Member>> split(std::vector<Member> members) {
    const auto [first, last] = std::ranges::minmax(members, {}, &Member::along);
    const std::int64_t width = last.along - first.along + 1;
    if (width == 1) {
      const auto half = members.begin() + static_cast<std::ptrdiff_t>(members.size() / 2);
      return {{members.begin(), half}, {half, members.end()}};
    }
    std::int64_t part = 1;
    while (2 * part < width) part *= 2;
    const std::int64_t at = first.along + part;
    std::pair<std::vector<Member>, std::vector<Member>> parts;
    for (const Member& member : members) {
      (member.along < at ? parts.first : parts.second).push_back(member);
    }
    return parts;
  }

  // All members in order, those that cannot have the rank as infinities.
  List sorted(const std::vector<Member>& members) {
    if (members.size() == 1) return {wire_of(members.front())};
    const std::int64_t base = std::ranges::min(members, {}, &Member::along).along;
    std::vector<std::int64_t> key;
    for (const Member& member : members) {
      key.push_back(member.outer);
      key.push_back(member.along - base);
    }
    auto found = made_.find(key);
    if (found == made_.end()) {
      std::vector<Member> moved = members;
      for (Member& member : moved) member.along -= base;
      const auto [left, right] = split(std::move(moved));
      const List first = sorted(left);
      List list = merge(first, sorted(right));
      trim(list);
      found = made_.emplace(std::move(key), std::move(list)).first;
    }
    List list = found->second;
    for (Wire& wire : list) wire = wire.moved(base);
    return list;
  }

  // Of s members of a window of n, the j-th has at least j below it and s-1-j above.
  void trim(List& list) const {
    const auto size = static_cast<std::int64_t>(list.size());
    for (std::int64_t j = 0; j < size; ++j) {
      Wire& wire = list[static_cast<std::size_t>(j)];
      if (j > rank_) wire = {Wire::greatest, 0};
      if (size - 1 - j > members_ - 1 - rank_) wire = {Wire::least, 0};
    }
  }

  std::pair<Wire, Wire> compare(const Wire& a, const Wire& b) {
    if (a == b || a.made == Wire::least || b.made == Wire::greatest) return {a, b};
    if (b.made == Wire::least || a.made == Wire::greatest) return {b, a};
    // The step starts where the earlier of its inputs does.
    const std::int64_t base = std::min(a.offset, b.offset);
    const auto step = static_cast<std::int64_t>(comparisons_.size());
    comparisons_.push_back({a.moved(-base), b.moved(-base)});
    return {{2 * step, base}, {2 * step + 1, base}};
  }

  List merge(const List& a, const List& b) {
    if (a.empty() || b.empty()) return a.empty() ? b : a;
    if (a.size() == 1 && b.size() == 1) {
      const auto [low, high] = compare(a[0], b[0]);
      return {low, high};
    }
    const List even = merge(every_second(a, 0), every_second(b, 0));
    const List odd = merge(every_second(a, 1), every_second(b, 1));
    List result{even[0]};
    for (std::size_t i = 0; i < odd.size() || i + 1 < even.size(); ++i) {
      if (i >= odd.size()) {
        result.push_back(even[i + 1]);
      } else if (i + 1 >= even.size()) {
        result.push_back(odd[i]);
      } else {
        const auto [low, high] = compare(odd[i], even[i + 1]);
        result.push_back(low);
        result.push_back(high);
      }
    }
    return result;
  }

  // The rank-th of two lists is the least of the greater ones of all pairs that stand for rank + 1
  // elements:  min over i + j = rank + 1 of  max(a[i-1], b[j-1]).
  Wire select(const List& a, const List& b) {
    const auto size_a = static_cast<std::int64_t>(a.size());
    const auto size_b = static_cast<std::int64_t>(b.size());
    Wire least{Wire::greatest, 0};
    for (std::int64_t i = std::max<std::int64_t>(0, rank_ + 1 - size_b);
         i <= std::min(size_a, rank_ + 1); ++i) {
      const std::int64_t j = rank_ + 1 - i;
      const Wire left = i == 0 ? Wire{Wire::least, 0} : a[static_cast<std::size_t>(i - 1)];
      const Wire right = j == 0 ? Wire{Wire::least, 0} : b[static_cast<std::size_t>(j - 1)];
      least = compare(least, compare(left, right).second).first;
    }
    return least;
  }

  std::int64_t members_, rank_;
  std::vector<Comparison> comparisons_;
  std::map<std::vector<std::int64_t>, List> made_;
};

constexpr std::int64_t unread = -1;

// How far past the result each output is read; `unread` if it is not.
std::vector<std::int64_t> reads(const std::vector<Comparison>& steps, const Wire& result) {
  std::vector<std::int64_t> more(2 * steps.size(), unread);
  const auto need = [&](const Wire& wire, std::int64_t past) {
    if (!wire.is_made()) return;
    auto& most = more[static_cast<std::size_t>(wire.made)];
    most = std::max(most, past + wire.offset);
  };
  need(result, 0);
  for (std::size_t s = steps.size(); s-- > 0;) {
    const std::int64_t past = std::max(more[2 * s], more[2 * s + 1]);
    if (past == unread) continue;
    need(steps[s].a, past);
    need(steps[s].b, past);
  }
  return more;
}

// Gives every output that is read a slot, from its step to its last reader.
class Slots {
 public:
  explicit Slots(std::size_t outputs) : slot_(outputs, Network::none) {}

  std::int32_t take(std::int64_t output) {
    std::int32_t& slot = slot_[static_cast<std::size_t>(output)];
    if (free_.empty()) {
      slot = count_++;
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    return slot;
  }
  void give(std::int64_t output) { free_.push_back(slot_[static_cast<std::size_t>(output)]); }
  [[nodiscard]] Network::Row row(const Wire& wire) const {
    if (!wire.is_made()) return {Network::tile, wire.offset};
    return {slot_[static_cast<std::size_t>(wire.made)], wire.offset};
  }
  [[nodiscard]] std::int32_t count() const { return count_; }

 private:
  std::vector<std::int32_t> slot_;
  std::vector<std::int32_t> free_;
  std::int32_t count_ = 0;
};

Network assign_slots(const std::vector<Comparison>& comparisons, const Wire& result) {
  const std::vector<std::int64_t> more = reads(comparisons, result);
  std::vector<std::size_t> last_reader(more.size(), comparisons.size());
  for (std::size_t s = 0; s < comparisons.size(); ++s) {
    if (more[2 * s] == unread && more[2 * s + 1] == unread) continue;
    for (const Wire& wire : {comparisons[s].a, comparisons[s].b}) {
      if (wire.is_made()) last_reader[static_cast<std::size_t>(wire.made)] = s;
    }
  }
  if (result.is_made()) last_reader[static_cast<std::size_t>(result.made)] = comparisons.size();

  Network network;
  Slots slots(more.size());
  for (std::size_t s = 0; s < comparisons.size(); ++s) {
    const auto& [a, b] = comparisons[s];
    const auto low = static_cast<std::int64_t>(2 * s), high = low + 1;
    const bool reads_low = more[2 * s] != unread, reads_high = more[2 * s + 1] != unread;
    if (!reads_low && !reads_high) continue;
    Network::Step step{.a = slots.row(a), .b = slots.row(b)};
    step.more = std::max(more[2 * s], more[2 * s + 1]);
    const auto ends = [&](const Wire& wire) {
      return wire.is_made() && last_reader[static_cast<std::size_t>(wire.made)] == s;
    };
    // What is read in place may be written over; what is read further on only afterwards.
    const bool same = a.made == b.made;
    const bool early_a = ends(a) && a.offset == 0 && !(same && b.offset != 0);
    const bool early_b = ends(b) && b.offset == 0 && !same;
    if (early_a) slots.give(a.made);
    if (early_b) slots.give(b.made);
    if (reads_low) step.low = slots.take(low);
    if (reads_high) step.high = slots.take(high);
    if (ends(a) && !early_a) slots.give(a.made);
    if (ends(b) && !early_b && !same) slots.give(b.made);
    network.minima += (reads_low ? 1 : 0) + (reads_high ? 1 : 0);
    network.more = std::max(network.more, step.more);
    network.steps.push_back(step);
  }
  network.result = slots.row(result).slot;
  network.slots = slots.count();
  return network;
}

}  // namespace

Network make_network(const std::vector<Member>& members, std::int64_t rank) {
  Builder builder(static_cast<std::int64_t>(members.size()), rank);
  Wire result = builder.select(members);
  std::vector<Comparison> comparisons = builder.comparisons();
  // A step that moves the result to the beginning of a slot: that of a lone member, or one that is
  // read further on.
  if (!result.is_made() || result.offset != 0) {
    comparisons.push_back({result, result});
    result = {static_cast<std::int64_t>(2 * (comparisons.size() - 1)), 0};
  }
  return assign_slots(comparisons, result);
}

}  // namespace faltung::rank
