#include <buskin/runtime/detail/message_element.hpp>

#include <caf/message.hpp>

namespace buskin::detail {

namespace {

class wrapped_message final : public caf::mailbox_element, public recycled {
 public:
  wrapped_message(caf::strong_actor_ptr&& sender, caf::message_id id, caf::message&& content)
      : caf::mailbox_element(std::move(sender), id, {}), content_(std::move(content)) {}

  caf::type_erased_tuple& content() override { return content_; }
  const caf::type_erased_tuple& content() const override { return content_.content(); }
  caf::message move_content_to_message() override { return std::move(content_); }
  caf::message copy_content_to_message() const override { return content_; }

 private:
  caf::message content_;
};

}  // namespace

caf::mailbox_element_ptr wrap_message(caf::strong_actor_ptr sender, caf::message_id id,
                                      caf::message content) {
  // An empty message has nothing behind it to refer to; CAF's own element knows how to say so.
  if (content.empty())
    return caf::make_mailbox_element(std::move(sender), id, {}, std::move(content));
  return caf::mailbox_element_ptr(new wrapped_message(std::move(sender), id, std::move(content)));
}

}  // namespace buskin::detail
