// A function over a range, so many at a time.
#pragma once

#include <buskin/actors/detail/awaitable.hpp>
#include <buskin/actors/detail/owned_children.hpp>
#include <buskin/runtime/task.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace buskin {

namespace detail {

/// Throws `cancelled` when the task that runs here was asked to end, even if it swallowed that.
void check_cancelled_here(const char* message);

/// Shared by the tasks that do the work: they may outlive the caller's frame when that is killed.
template <class Item, class F>
struct mapping {
  using yielded = await_result<std::invoke_result_t<F&, Item>>;

  mapping(std::vector<Item> all, F f)
      : items(std::move(all)), function(std::move(f)), results(items.size()) {}

  std::vector<Item> items;
  F function;
  std::vector<std::optional<gathered<yielded>>> results;  // each is one worker's, until all ended
  std::atomic<std::size_t> next{
      0};  // hands out places; what it orders is ordered by the tasks' ends
};

/// Takes one item after the other. There are as many of these as items may be under way.
template <class Item, class F>
task<void> map_some(std::shared_ptr<mapping<Item, F>> all) {
  for (;;) {
    check_cancelled_here("map_concurrent was cancelled");
    const auto index = all->next.fetch_add(1, std::memory_order_relaxed);
    if (index >= all->items.size()) co_return;
    if constexpr (std::is_void_v<typename mapping<Item, F>::yielded>)
      co_await all->function(std::move(all->items[index]));
    else
      all->results[index].emplace(co_await all->function(std::move(all->items[index])));
  }
}

template <class Yielded>
using mapped = std::conditional_t<std::is_void_v<Yielded>, void, std::vector<gathered<Yielded>>>;

template <class Item, class F>
auto map_items(std::vector<Item> items, std::size_t limit, F function)
    -> task<mapped<typename mapping<Item, F>::yielded>> {
  if (limit == 0) throw std::invalid_argument("map_concurrent needs a limit of at least 1");
  owned_children children("map_concurrent", child_set::on_end::cancel_when_failed);
  auto all = std::make_shared<mapping<Item, F>>(std::move(items), std::move(function));
  for (std::size_t i = 0, n = std::min(limit, all->items.size()); i != n; ++i)
    children.add(map_some(all));
  co_await children.all_ended();
  children.rethrow_first();
  if constexpr (!std::is_void_v<typename mapping<Item, F>::yielded>) {
    std::vector<gathered<typename mapping<Item, F>::yielded>> results;
    results.reserve(all->results.size());
    for (auto& each : all->results) {
      if (!each) throw cancelled("a call of map_concurrent's function was cancelled");
      results.push_back(std::move(*each));
    }
    co_return results;
  }
}

}  // namespace detail

/// Awaits `function(item)` for each item of `range`, at most `limit` of them at the same time, and
/// yields the results in the order of the range (nothing, for a function that yields void). The
/// items are copied or moved out of the range first.
///
/// The calls run in tasks of their own; on several workers they run in parallel. When one fails, no
/// further one is made, those under way are cancelled and awaited, and its exception comes out.
/// Throws std::invalid_argument for a limit of 0. Cancellation: each reaches every call under way;
/// comes out as `cancelled` when all have ended.
template <std::ranges::input_range Range, class F>
requires std::invocable<F&, std::ranges::range_value_t<Range>>
auto map_concurrent(Range&& range, std::size_t limit, F function) {
  std::vector<std::ranges::range_value_t<Range>> items;
  if constexpr (std::is_lvalue_reference_v<Range>)
    for (auto&& each : range) items.push_back(each);
  else
    for (auto&& each : range) items.push_back(std::move(each));
  return detail::map_items(std::move(items), limit, std::move(function));
}

}  // namespace buskin
