// Another process, for tests: what is in it is seen through proxies as a node would show it. Both
// ends are in this process; what goes from one to the other is serialised, and each end knows the
// other's actors by another address.
#pragma once

#include <buskin/actors/detail/far_answer.hpp>
#include <buskin/actors/detail/returnable.hpp>
#include <buskin/runtime/failure.hpp>

#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/actor_system.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/message.hpp>
#include <caf/node_id.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace buskin::test {

/// The connection to the other process.
class wire : public std::enable_shared_from_this<wire> {
 public:
  explicit wire(caf::actor_system& system) : system_(system) {}
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  /// What a user here has of `whom`, who is there.
  caf::actor proxy_of(const caf::actor& whom) {
    return caf::actor_cast<caf::actor>(
        make(caf::actor_cast<caf::strong_actor_ptr>(whom), nullptr, "host-there"));
  }

  /// From here on what is sent waits on the way, in both directions, until `flow`.
  void hold() {
    const std::lock_guard guard(mutex_);
    holding_ = true;
  }
  void flow() {
    for (;;) {
      std::function<void()> frame;
      {
        const std::lock_guard guard(mutex_);
        if (under_way_.empty()) {
          holding_ = false;
          return;
        }
        frame = std::move(under_way_.front());
        under_way_.pop_front();
      }
      frame();
    }
  }
  /// How much waits on the way.
  std::size_t under_way() const {
    const std::lock_guard guard(mutex_);
    return under_way_.size();
  }
  /// Requests that have no answer yet.
  std::size_t pending() const {
    const std::lock_guard guard(mutex_);
    return pending_.size();
  }

  /// The connection is lost, with all that is under way.
  void cut(const std::string& why = "the connection was lost") {
    std::vector<caf::strong_actor_ptr> proxies;
    std::vector<request> unanswered;
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(cut_, true)) return;
      under_way_.clear();
      proxies.swap(proxies_);
      unanswered.swap(pending_);
    }
    for (const auto& each : unanswered) bounce(each, why);
    for (const auto& each : proxies)
      static_cast<caf::actor_proxy*>(each->get())
          ->kill_proxy(nullptr, caf::make_error(caf::exit_reason::remote_link_unreachable));
  }

 private:
  struct request {
    caf::strong_actor_ptr asker;
    caf::message_id answer;
  };

  /// Stands for an actor at the other end.
  class proxy final : public caf::actor_proxy {
   public:
    proxy(caf::actor_config& config, std::weak_ptr<wire> way, caf::strong_actor_ptr target,
          caf::strong_actor_ptr asked)
        : actor_proxy(config),
          of_a_user(static_cast<bool>(asked)),
          way_(std::move(way)),
          target_(std::move(target)),
          asked_(std::move(asked)) {}
    void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
      const auto way = way_.lock();
      const auto [target, asked] = ends();
      if (way && target)
        of_a_user ? way->answer(std::move(what), target, asked)
                  : way->ask(std::move(what), target, caf::strong_actor_ptr(ctrl()));
      else
        wire::bounce({std::move(what->sender), what->mid.response_id()},
                     "there is no such process");
    }
    void kill_proxy(caf::execution_unit* unit, caf::error reason) override {
      // A broker refers to those who wait there: it is not to refer to itself by way of them.
      caf::strong_actor_ptr target;
      caf::strong_actor_ptr asked;
      {
        const std::lock_guard guard(mutex_);
        target.swap(target_);
        asked.swap(asked_);
      }
      cleanup(std::move(reason), unit);
    }
    caf::strong_actor_ptr target() const { return ends().first; }

    const bool of_a_user;

   private:
    std::pair<caf::strong_actor_ptr, caf::strong_actor_ptr> ends() const {
      const std::lock_guard guard(mutex_);
      return {target_, asked_};
    }

    std::weak_ptr<wire> way_;
    mutable std::mutex mutex_;
    // Guarded by mutex_; null when it was killed.
    caf::strong_actor_ptr target_;
    caf::strong_actor_ptr asked_;  // the proxy that the target, a user, has sent to; null: a broker
  };

  static void bounce(const request& what, const std::string& why) {
    if (what.asker && what.answer.is_response())
      what.asker->enqueue(
          nullptr, what.answer,
          caf::make_message(make_error(failure::broken_promise, {"", why, nullptr})), nullptr);
  }

  caf::strong_actor_ptr make(caf::strong_actor_ptr target, caf::strong_actor_ptr asked,
                             const char* host) {
    caf::actor_config config;
    auto made = caf::make_actor<proxy, caf::strong_actor_ptr>(
        system_.next_actor_id(), *caf::make_node_id(1, std::string(40, host[0] == 'h' ? 'a' : 'b')),
        &system_, config, weak_from_this(), std::move(target), std::move(asked));
    const std::lock_guard guard(mutex_);
    proxies_.push_back(made);
    return made;
  }

  /// How the other process knows `user`, who has sent to `asked`; it hears of the user's end.
  caf::strong_actor_ptr user_seen_there(const caf::strong_actor_ptr& user,
                                        const caf::strong_actor_ptr& asked) {
    if (!user) return nullptr;
    {
      const std::lock_guard guard(mutex_);
      for (const auto& each : proxies_)
        if (auto* known = static_cast<proxy*>(each->get());
            known->of_a_user && known->target() == user)
          return each;
    }
    auto made = make(user, asked, "user-here");
    user->get()->attach_functor([way = weak_from_this(), who = user.get()](const caf::error& why) {
      if (const auto still = way.lock()) still->user_ended(who, why);
    });
    return made;
  }

  void user_ended(const caf::actor_control_block* who, const caf::error& why) {
    send([this, who, why] {
      caf::strong_actor_ptr ended;
      {
        const std::lock_guard guard(mutex_);
        const auto at = std::find_if(proxies_.begin(), proxies_.end(), [&](const auto& each) {
          auto* known = static_cast<proxy*>(each->get());
          return known->of_a_user && known->target().get() == who;
        });
        if (at == proxies_.end()) return;
        ended = std::move(*at);
        proxies_.erase(at);
      }
      static_cast<proxy*>(ended->get())->kill_proxy(nullptr, why);
    });
  }

  void ask(caf::mailbox_element_ptr what, const caf::strong_actor_ptr& target,
           const caf::strong_actor_ptr& asked) {
    const auto id = what->mid;
    auto user = std::move(what->sender);
    if (id.is_request()) {
      const std::lock_guard guard(mutex_);
      pending_.push_back({user, id.response_id()});
    }
    send([this, id, user = std::move(user), target, asked,
          bytes = written(what->move_content_to_message())] {
      target->enqueue(user_seen_there(user, asked), id, read(bytes), nullptr);
    });
  }

  void answer(caf::mailbox_element_ptr what, const caf::strong_actor_ptr& user,
              const caf::strong_actor_ptr& asked) {
    const auto id = what->mid;
    const bool comes_back = detail::is_returnable(*what);
    send([this, id, user, asked, comes_back, bytes = written(what->move_content_to_message())] {
      {
        const std::lock_guard guard(mutex_);
        std::erase_if(pending_, [&](const request& each) {
          return each.asker == user && each.answer.integer_value() == id.integer_value();
        });
      }
      if (comes_back)
        user->enqueue(detail::make_far_answer(id, read(bytes), asked, user), nullptr);
      else
        user->enqueue(asked, id, read(bytes), nullptr);
    });
  }

  void send(std::function<void()> frame) {
    {
      const std::lock_guard guard(mutex_);
      if (cut_) return;
      if (holding_) {
        under_way_.push_back(std::move(frame));
        return;
      }
    }
    frame();
  }

  std::vector<char> written(caf::message content) {
    std::vector<char> bytes;
    caf::binary_serializer sink(system_, bytes);
    if (const auto error = sink(content))
      BOOST_ERROR("a message does not travel: " + to_string(content) + ": " + to_string(error));
    return bytes;
  }
  caf::message read(const std::vector<char>& bytes) {
    caf::message content;
    caf::binary_deserializer source(system_, bytes);
    if (const auto error = source(content))
      BOOST_ERROR("a message does not arrive: " + to_string(error));
    return content;
  }

  caf::actor_system& system_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::vector<caf::strong_actor_ptr> proxies_;
  std::vector<request> pending_;
  std::deque<std::function<void()>> under_way_;
  bool holding_ = false;
  bool cut_ = false;
};

// -- a test in both settings ----------------------------------------------------------------------

/// The broker is in the process of those who use it.
struct in_this_process {
  explicit in_this_process(stage&) {}
  template <class Handle>
  Handle reach(const Handle& broker) {
    return broker;
  }
};

/// It is in another one.
struct in_another_process {
  explicit in_another_process(stage& s) : way(std::make_shared<wire>(s.runtime.system())) {}
  ~in_another_process() { way->cut(); }
  template <class Handle>
  Handle reach(const Handle& broker) {
    return Handle::at(way->proxy_of(broker.actor()));
  }
  const std::shared_ptr<wire> way;
};

using both_settings = std::tuple<in_this_process, in_another_process>;

}  // namespace buskin::test
