// CAF's mailbox element with memory from the free lists, and what a message's parts are stored as.
#pragma once

#include <buskin/runtime/detail/recycler.hpp>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/mailbox_element.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace buskin::detail {

/// Whether a T can travel in a CAF message, if only inside the process.
template <class T>
concept sendable = std::is_copy_constructible_v<T> && std::is_default_constructible_v<T> &&
    (caf::is_allowed_unsafe_message_type<T>::value || caf::detail::is_serializable<T>::value);

/// As CAF stores it: a string literal becomes a std::string, a reference its value.
template <class T>
using stored_part =
    typename caf::unbox_message_element<typename caf::detail::strip_and_convert<T>::type>::type;

template <class... Parts>
class message_element final : public caf::mailbox_element,
                              public caf::detail::tuple_vals_impl<caf::type_erased_tuple, Parts...>,
                              public recycled {
 public:
  template <class... Args>
  message_element(caf::strong_actor_ptr&& sender, caf::message_id id, Args&&... args)
      : caf::mailbox_element(std::move(sender), id, {}),
        caf::detail::tuple_vals_impl<caf::type_erased_tuple, Parts...>(
            std::forward<Args>(args)...) {}

  caf::type_erased_tuple& content() override { return *this; }
  const caf::type_erased_tuple& content() const override { return *this; }
  caf::message move_content_to_message() override {
    return std::apply([](auto&... parts) { return caf::make_message(std::move(parts)...); },
                      this->data());
  }
  caf::message copy_content_to_message() const override {
    return std::apply([](const auto&... parts) { return caf::make_message(parts...); },
                      this->data());
  }
};

/// The same around a message that exists already.
caf::mailbox_element_ptr wrap_message(caf::strong_actor_ptr sender, caf::message_id id,
                                      caf::message content);

template <class... Args>
caf::mailbox_element_ptr make_element(caf::strong_actor_ptr sender, caf::message_id id,
                                      Args&&... args) {
  return caf::mailbox_element_ptr(new message_element<stored_part<Args>...>(
      std::move(sender), id, std::forward<Args>(args)...));
}

}  // namespace buskin::detail
