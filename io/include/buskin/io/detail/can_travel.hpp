// Which types a process_pool can take to a worker and back.
//
// A worker is the same program on the same machine, so a value travels as it lies in memory; what
// has to be taken apart is only what points elsewhere. What means nothing in another process
// (pointers, views, handles of actors) does not travel, at whatever depth it is met.
#pragma once

#include <caf/actor_addr.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/meta/annotation.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace buskin::io::detail {

class job_writer;
class job_reader;

/// A value without parts.
template <class T>
concept plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T>
inline constexpr bool is_block = false;
template <class C, class T, class A>
inline constexpr bool is_block<std::basic_string<C, T, A>> = true;
template <plain T, class A>
inline constexpr bool is_block<std::vector<T, A>> = !std::is_same_v<T, bool>;
/// A block of plain values that can be as long as one likes.
template <class T>
concept block = is_block<T>;

template <class T>
inline constexpr bool is_span_of_time = false;
template <class R, class P>
inline constexpr bool is_span_of_time<std::chrono::duration<R, P>> = true;
template <class C, class D>
inline constexpr bool is_span_of_time<std::chrono::time_point<C, D>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;

template <class T>
inline constexpr bool is_fixed = false;
template <class... Ts>
inline constexpr bool is_fixed<std::tuple<Ts...>> = true;
template <class A, class B>
inline constexpr bool is_fixed<std::pair<A, B>> = true;
template <class T, std::size_t N>
inline constexpr bool is_fixed<std::array<T, N>> = true;

/// What a container is filled with: of a map, pairs whose first can be written.
template <class C>
struct element {};
template <class C>
requires(
    requires { typename C::value_type; } &&
    !requires { typename C::mapped_type; }) struct element<C> {
  using type = typename C::value_type;
};
template <class C>
requires requires {
  typename C::value_type;
  typename C::mapped_type;
}
struct element<C> {
  using type = std::pair<typename C::key_type, typename C::mapped_type>;
};
template <class C>
using element_of = typename element<C>::type;

/// vector, deque, list, set, map and their like.
template <class C>
concept container = requires(C& c, element_of<C> each) {
  c.begin();
  c.end();
  { c.size() } -> std::convertible_to<std::size_t>;
  c.clear();
}
&&(
    requires(C& c, element_of<C> each) { c.push_back(std::move(each)); } ||
    requires(C & c, element_of<C> each) { c.insert(std::move(each)); });

template <class T>
concept actor_handle = std::same_as<T, caf::actor_addr> || std::same_as<T, caf::strong_actor_ptr> ||
    std::same_as<T, caf::weak_actor_ptr> || requires(const T& x) {
  { x.address() } -> std::same_as<caf::actor_addr>;
};

/// It has CAF's `inspect`.
template <class T>
concept inspected =
    std::is_class_v<T> && !actor_handle<T> && requires(job_writer & to, job_reader& from, T& x) {
  inspect(to, x);
  inspect(from, x);
};

template <class T>
consteval bool travels();

template <class T>
struct parts_travel : std::false_type {};
template <class T>
requires is_optional<T> || container<T>
struct parts_travel<T> : std::bool_constant<travels<element_of<T>>()> {
};
template <class... Ts>
struct parts_travel<std::variant<Ts...>> : std::bool_constant<(travels<Ts>() && ...)> {};
template <class... Ts>
struct parts_travel<std::tuple<Ts...>> : std::bool_constant<(travels<Ts>() && ...)> {};
template <class A, class B>
struct parts_travel<std::pair<A, B>> : std::bool_constant<travels<A>() && travels<B>()> {};
template <class T, std::size_t N>
struct parts_travel<std::array<T, N>> : std::bool_constant<travels<T>()> {};

template <class T>
consteval bool travels() {
  if constexpr (!std::is_default_constructible_v<T> || std::is_const_v<T>)
    return false;  // it could not be made in the worker, and then be given what came
  else if constexpr (plain<T> || block<T> || is_span_of_time<T> ||
                     std::same_as<T, std::monostate> || std::same_as<T, std::filesystem::path>)
    return true;
  else if constexpr (is_optional<T> || is_variant<T> || is_fixed<T> || container<T>)
    return parts_travel<T>::value;
  else
    return inspected<T>;
}

template <class T>
concept can_travel = travels<T>();

}  // namespace buskin::io::detail
