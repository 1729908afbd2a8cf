// Answers to messages that hand something over: an item, a permit. One that nobody took comes back.
//
// An asker may have given up by the time the answer arrives: its deadline passed (CAF drops what
// comes after that), or it ended with the answer in its mailbox. What the answer carried would be
// lost, and nobody would know. So such an answer knows whether somebody looked at it, and when it
// is destroyed without that it gives back what it carries. What always holds: the broker's lock is
// not held when an answer is enqueued, thus not when it comes back either.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/detail/recycler.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/type_erased_tuple.hpp>

#include <type_traits>
#include <utility>

namespace buskin::detail {

/// An element that knows whether its content was taken. Whoever asks for it takes it; a look at
/// what may not be changed is for reports.
class returnable : public caf::mailbox_element, public recycled {
 public:
  /// The same answer, not taken, where this one was by whoever hands it on: CAF opens what it gives
  /// to a handler.
  virtual caf::mailbox_element_ptr handed_on() = 0;

 protected:
  using caf::mailbox_element::mailbox_element;
  bool taken() const noexcept { return taken_; }
  void take() const noexcept { taken_ = true; }

 private:
  mutable bool taken_ = false;
};

/// Whether `element` is such an answer. Who sends its content to another process says so there, so
/// that it is made one again (far_answer.hpp).
inline bool is_returnable(const caf::mailbox_element& element) noexcept {
  return dynamic_cast<const returnable*>(&element) != nullptr;
}

/// The answer as an element of the asker's mailbox. `B::come_back(T&&, const caf::actor_addr&)`
/// gets what was not taken, and who was to have it; on any thread.
template <class T, class B>
class returnable_element final : public returnable {
 public:
  returnable_element(caf::message_id id, lean_ref<B> from, caf::actor_addr asker, T&& value)
      : returnable(nullptr, id, {}),
        from_(std::move(from)),
        asker_(std::move(asker)),
        tuple_(std::move(value)) {}
  ~returnable_element() override {
    if (!taken()) from_->come_back(std::move(std::get<0>(tuple_.data())), asker_);
  }

  caf::mailbox_element_ptr handed_on() override {
    take();
    return caf::mailbox_element_ptr(
        new returnable_element(mid, from_, asker_, std::move(std::get<0>(tuple_.data()))));
  }
  caf::type_erased_tuple& content() override {
    take();
    return tuple_;
  }
  const caf::type_erased_tuple& content() const override { return tuple_; }
  caf::message move_content_to_message() override {
    take();
    if constexpr (nothing)
      return {};
    else
      return caf::make_message(std::move(std::get<0>(tuple_.data())));
  }
  caf::message copy_content_to_message() const override {
    take();
    if constexpr (nothing)
      return {};
    else
      return caf::make_message(std::get<0>(tuple_.data()));
  }

 private:
  static constexpr bool nothing = std::is_same_v<T, unit>;  // the fact of the answer is what counts

  struct bare : caf::empty_type_erased_tuple {
    explicit bare(unit&&) {}
    std::tuple<unit>& data() { return unit_; }
    std::tuple<unit> unit_;
  };
  using stored =
      std::conditional_t<nothing, bare, caf::detail::tuple_vals_impl<caf::type_erased_tuple, T>>;

  lean_ref<B> from_;
  caf::actor_addr asker_;
  stored tuple_;
};

/// A cell of kind `Base`, with an outcome `T`, whose outcome is such an answer of a `B`.
template <class Base, class T, class B>
class returnable_reply final : public Base {
 public:
  template <class... Args>
  returnable_reply(B& from, requester asker, Args&&... args)
      : Base(std::forward<Args>(args)...), from_(from), asker_(std::move(asker)) {}
  bool deserted() const noexcept override { return asker_.ended(); }
  bool answers(const request_key& request) const noexcept override { return asker_.is(request); }
  void deliver() override {
    if (this->error()) {
      asker_.answer(caf::make_message(to_error(this->error())));
      return;
    }
    asker_.answer(caf::mailbox_element_ptr(new returnable_element<T, B>(
        asker_.response_id(), lean_ref<B>(&from_), caf::actor_cast<caf::actor_addr>(asker_.actor()),
        std::move(*this->value()))));
  }

 protected:
  void on_resolved() override { from_.leave_later(*this); }

 private:
  B& from_;  // owns the line in which this waits
  requester asker_;
};

}  // namespace buskin::detail
