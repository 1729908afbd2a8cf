// An actor of one's own, as light as they come: a counter that any CAF actor can talk to.
#include <buskin/buskin.hpp>

#include <iostream>

// [counter]
class counter final : public buskin::lean_actor {
 public:
  using lean_actor::lean_actor;
  std::string title() const override { return "counter"; }

 protected:
  // One message at a time, in the order of arrival.
  void on_message(caf::mailbox_element_ptr& element) override {
    auto& content = element->content();
    if (content.match_elements<int>())
      respond_with(*element, total_ += content.get_as<int>(0));
    else
      refuse(*element);  // a request gets an error, anything else is a dead letter
  }

 private:
  int total_ = 0;
};
// [/counter]

// [use]
buskin::task<void> co_main() {
  const caf::actor sum = buskin::spawn_actor<counter>(buskin::runtime::current().system());
  for (int i = 1; i <= 10; ++i) co_await buskin::ask<int>(sum, buskin::infinite, i);
  std::cout << co_await buskin::ask<int>(sum, buskin::infinite, 0) << '\n';
}
// [/use]

int main() { buskin::run(co_main()); }
