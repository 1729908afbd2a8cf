#include <buskin/actors/detail/far_answer.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/returnable.hpp>

#include <caf/type_erased_tuple.hpp>

#include <utility>

namespace buskin::detail {

namespace {

class far_answer final : public returnable {
 public:
  far_answer(caf::message_id id, caf::message content, caf::strong_actor_ptr broker,
             caf::strong_actor_ptr asker)
      : returnable(nullptr, id, {}),
        content_(std::move(content)),
        broker_(std::move(broker)),
        asker_(std::move(asker)) {}
  ~far_answer() override {
    if (taken() || !broker_) return;
    broker_->enqueue(std::move(asker_), caf::make_message_id(),
                     caf::make_message(return_answer::value) + content_, unit_here());
  }

  caf::mailbox_element_ptr handed_on() override {
    take();
    return caf::mailbox_element_ptr(new far_answer(mid, std::move(content_), broker_, asker_));
  }
  caf::type_erased_tuple& content() override {
    take();
    if (content_.empty()) return nothing_;
    return content_;
  }
  const caf::type_erased_tuple& content() const override {
    if (content_.empty()) return nothing_;
    return content_.content();
  }
  caf::message move_content_to_message() override {
    take();
    return std::move(content_);
  }
  caf::message copy_content_to_message() const override {
    take();
    return content_;
  }

 private:
  caf::message content_;
  caf::empty_type_erased_tuple nothing_;  // an empty message has nothing behind it to refer to
  caf::strong_actor_ptr broker_;
  caf::strong_actor_ptr asker_;
};

}  // namespace

caf::mailbox_element_ptr make_far_answer(caf::message_id id, caf::message content,
                                         caf::strong_actor_ptr broker,
                                         caf::strong_actor_ptr asker) {
  return caf::mailbox_element_ptr(
      new far_answer(id, std::move(content), std::move(broker), std::move(asker)));
}

}  // namespace buskin::detail
