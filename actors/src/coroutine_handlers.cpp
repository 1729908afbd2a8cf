#include <buskin/actors/detail/coroutine_handlers.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/runtime/lean_actor.hpp>

#include <caf/detail/behavior_impl.hpp>
#include <caf/scheduled_actor.hpp>

#include <algorithm>
#include <atomic>

namespace buskin::detail {

// -- the coroutines ---------------------------------------------------------------------------

namespace {

void break_promise(caf::response_promise& promise) {
  if (promise.pending())
    promise.deliver(
        make_error(failure::broken_promise,
                   {"buskin::broken_promise", "the actor ended before it answered", nullptr}));
}

}  // namespace

handler_run::~handler_run() {
  stack.destroy();
  break_promise(promise_);
}

void handler_stacks::destroy() noexcept {
  runs_.clear();
  for (auto& waiting : std::exchange(waiting_, {})) break_promise(waiting.promise);
}

void handler_stacks::start(std::unique_ptr<handler_run> run) {
  auto& started = *runs_.emplace_back(std::move(run));
  advance(started);
  reap();
}

void handler_stacks::advance(handler_run& run) {
  run.stack.advance();
  if (run.stack.done()) run.finish();
}

void handler_stacks::on_signal() {
  // By index: a coroutine that goes on may make the actor handle nothing here, but it may start no
  // run either.
  for (std::size_t i = 0; i != runs_.size(); ++i)
    if (!runs_[i]->stack.done()) advance(*runs_[i]);
  reap();
}

void handler_stacks::reap() {
  if (reaping_) return;
  reaping_ = true;
  std::erase_if(runs_, [](const auto& run) { return run->stack.done(); });
  while (runs_.empty() && !waiting_.empty()) {
    exclusive_ = false;
    auto call = std::move(waiting_.front());
    waiting_.pop_front();
    call.call();
    std::erase_if(runs_, [](const auto& run) { return run->stack.done(); });
  }
  if (runs_.empty()) exclusive_ = false;
  reaping_ = false;
}

// -- homes ------------------------------------------------------------------------------------

handler_stacks& stacks_of(behavior_actor& self) { return self.coroutines_; }

handler_home home_of(behavior_actor& self) { return {nullptr, &stacks_of(self), &self}; }

namespace {

/// A behavior that takes any answer.
class any_answer final : public caf::detail::behavior_impl {
 public:
  explicit any_answer(std::function<void(caf::type_erased_tuple&)> function)
      : function_(std::move(function)) {}
  using behavior_impl::invoke;
  caf::match_case::result invoke(caf::detail::invoke_result_visitor& visitor,
                                 caf::type_erased_tuple& answer) override {
    function_(answer);
    const caf::unit_t nothing;
    visitor(nothing);
    return caf::match_case::match;
  }

 private:
  std::function<void(caf::type_erased_tuple&)> function_;
};

caf::behavior any(std::function<void(caf::type_erased_tuple&)> function) {
  return caf::behavior(caf::behavior::impl_ptr(new any_answer(std::move(function)), false));
}

/// Gives turns to coroutines inside one of CAF's actors: a wake-up is the answer to a request that
/// was never sent, so it finds us whatever behavior the actor has by then.
class caf_host final : public stack_host, public std::enable_shared_from_this<caf_host> {
 public:
  explicit caf_host(caf::scheduled_actor& self)
      : self_(self), wake_id_(self.new_request_id(caf::message_priority::normal)) {}

  handler_stacks& stacks() noexcept { return stacks_; }

  void expect_wake() {
    self_.add_multiplexed_response_handler(wake_id_.response_id(),
                                           any([this](caf::type_erased_tuple&) {
                                             signalled_.store(false, std::memory_order_seq_cst);
                                             expect_wake();
                                             stacks_.on_signal();
                                           }));
  }

  void signal() noexcept override {
    if (!signalled_.exchange(true, std::memory_order_seq_cst))
      self_.enqueue(caf::make_mailbox_element(nullptr, wake_id_.response_id(), {}, caf::message()),
                    nullptr);
  }
  void signal_here() noexcept override { signal(); }
  void again() noexcept override { signal(); }
  bool move_to(worker& home) noexcept override { return here.worker == &home; }
  void hold() noexcept override { intrusive_ptr_add_ref(self_.ctrl()); }
  void drop() noexcept override { intrusive_ptr_release(self_.ctrl()); }
  caf::local_actor& self() noexcept override { return self_; }

  void await_reply(std::uint64_t id, reply_slot& slot) override {
    replies_.emplace_back(id, &slot);
    self_.add_multiplexed_response_handler(
        caf::message_id(id).response_id(), any([this, id](caf::type_erased_tuple& answer) {
          // One that gives back what it brings does so also where nobody waits any more.
          auto* const whole = dynamic_cast<returnable*>(self_.current_mailbox_element());
          auto element = whole != nullptr ? whole->handed_on()
                                          : wrap_message(nullptr, caf::message_id(id).response_id(),
                                                         caf::message::copy(answer));
          const auto found = std::find_if(replies_.begin(), replies_.end(),
                                          [id](const auto& entry) { return entry.first == id; });
          if (found == replies_.end()) return;
          auto* slot = found->second;
          replies_.erase(found);
          slot->reply(std::move(element));
        }));
  }
  void forget_reply(reply_slot& slot) noexcept override {
    std::erase_if(replies_, [&](const auto& entry) { return entry.second == &slot; });
  }

 private:
  caf::scheduled_actor& self_;  // owns us, through its attachables
  const caf::message_id wake_id_;
  handler_stacks stacks_;
  std::vector<std::pair<std::uint64_t, reply_slot*>> replies_;
  std::atomic<bool> signalled_{false};
};

/// Destroys an ended actor's coroutines before its memory goes.
class host_attachment final : public caf::attachable {
 public:
  explicit host_attachment(std::shared_ptr<caf_host> host) : host_(std::move(host)) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override { host_->stacks().destroy(); }

 private:
  std::shared_ptr<caf_host> host_;
};

}  // namespace

handler_home home_of(caf::scheduled_actor& self) {
  auto host = std::make_shared<caf_host>(self);
  host->expect_wake();
  self.attach(caf::attachable_ptr(new host_attachment(host)));
  return {host, &host->stacks(), host.get()};
}

}  // namespace buskin::detail

namespace buskin {

behavior_actor::behavior_actor(caf::actor_config& config) : lean_actor(config) {}

void behavior_actor::on_start() {
  try {
    behavior_ = make_behavior();
  } catch (...) {
    quit(to_error(std::current_exception()));
    return;
  }
  if (!behavior_) quit();
}

namespace {

/// Answers a message with what its handler returned.
class answering final : public caf::detail::invoke_result_visitor {
 public:
  explicit answering(lean_actor& self) : self_(self) {}
  using invoke_result_visitor::operator();
  void operator()() override {}
  void operator()(caf::error& error) override { answer(caf::make_message(std::move(error))); }
  void operator()(caf::message& content) override { answer(std::move(content)); }
  void operator()(const caf::none_t&) override {
    answer(caf::make_message(caf::make_error(caf::sec::unexpected_response)));
  }

 private:
  void answer(caf::message content) {
    auto* element = self_.current_mailbox_element();
    if (!element->sender || element->mid.is_answered() || element->mid.is_response()) return;
    if (content.empty() && element->mid.is_async()) return;
    const auto id = element->mid.response_id();
    element->mid.mark_as_answered();
    element->sender->enqueue(
        detail::wrap_message(caf::strong_actor_ptr(self_.ctrl()), id, std::move(content)),
        self_.context());
  }
  lean_actor& self_;
};

}  // namespace

void behavior_actor::on_message(caf::mailbox_element_ptr& element) {
  answering visitor(*this);
  auto handlers = behavior_;  // a handler may replace the behavior it belongs to
  try {
    if (handlers.as_behavior_impl()->invoke(visitor, element->content()) != caf::match_case::match)
      refuse(*element);
  } catch (...) {
    auto reason = to_error(std::current_exception());
    respond(*element, caf::make_message(reason));
    quit(std::move(reason));
  }
}

}  // namespace buskin
