// What always holds: an entry whose actor has ended is none, whether or not it was removed yet: CAF
// marks an actor as ended before it tells anybody.
#include <buskin/actors/registry.hpp>

#include <buskin/actors/atoms.hpp>
#include <buskin/actors/detail/broker.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/attachable.hpp>
#include <caf/local_actor.hpp>

#include <map>
#include <memory>

namespace buskin {

namespace detail {

namespace {

bool is_dead(const caf::strong_actor_ptr& who) {
  return who->get()->getf(caf::abstract_actor::is_terminated_flag);
}

std::string title_of(const caf::strong_actor_ptr& who) {
  const std::string id = " (" + std::to_string(who->id()) + ")";
  if (const auto* lean = dynamic_cast<const lean_actor*>(who->get())) return lean->title() + id;
  if (const auto* local = dynamic_cast<const caf::local_actor*>(who->get()))
    return local->name() + id;
  return "actor" + id;
}

}  // namespace

class registry_actor final : public broker {
 public:
  explicit registry_actor(caf::actor_config& config) : broker(config, "buskin.registry") {}

  void enter(std::string name, caf::strong_actor_ptr whom) {
    if (name.empty()) throw std::invalid_argument("a registered name is not empty");
    if (!whom || is_dead(whom))
      throw invalid_state("nobody can be registered as \"" + name +
                          "\": the actor has ended, or the handle refers to none");
    auto made = std::make_shared<entry>(entry{whom});
    std::shared_ptr<entry> old;
    {
      guard lock(*this);
      auto& place = names_[name];
      if (place && !is_dead(place->holder))
        throw name_taken(name, caf::actor_cast<caf::actor>(place->holder),
                         "the name \"" + name + "\" is taken by " + title_of(place->holder));
      old = std::exchange(place, made);
      if (const auto waiting = waiting_.find(name); waiting != waiting_.end()) {
        while (auto each = waiting->second.pop()) each->resolve(caf::actor_cast<caf::actor>(whom));
        waiting_.erase(waiting);
      }
    }
    whom->get()->attach(
        caf::attachable_ptr(new watch(caf::actor_cast<caf::weak_actor_ptr>(ctrl()), name, made)));
  }

  bool remove(const std::string& name) {
    std::shared_ptr<entry> old;
    {
      guard lock(*this);
      const auto at = names_.find(name);
      if (at == names_.end()) return false;
      old = std::move(at->second);
      names_.erase(at);
    }
    const bool alive = !is_dead(old->holder);
    old->holder->get()->detach(watch::token(watch::token::anonymous, old.get()));
    return alive;
  }

  caf::actor find(const std::string& name) const {
    guard lock(*this);
    return find_locked(name);
  }

  std::vector<std::string> all() const {
    std::vector<std::string> names;
    guard lock(*this);
    for (const auto& [name, each] : names_)
      if (!is_dead(each->holder)) names.push_back(name);
    return names;
  }

  /// Resolves `place` now or when the name appears.
  void find_or_wait(const std::string& name, const cell_ref<cell<caf::actor>>& place) {
    guard lock(*this);
    if (auto found = find_locked(name))
      place->resolve(std::move(found));
    else
      waiting_[name].push(place);
  }

  void withdraw(const std::string& name, cell<caf::actor>& place) {
    guard lock(*this);
    place.abandon();
    const auto waiting = waiting_.find(name);
    if (waiting == waiting_.end()) return;
    waiting->second.erase(place);
    if (waiting->second.empty()) waiting_.erase(waiting);
  }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override {
    const auto& content = element->content();
    try {
      if (content.match_elements<register_name_atom, std::string, caf::actor>()) {
        enter(content.get_as<std::string>(1),
              caf::actor_cast<caf::strong_actor_ptr>(content.get_as<caf::actor>(2)));
        respond(*element, caf::message());
      } else if (content.match_elements<unregister_name_atom, std::string>()) {
        respond(*element, caf::make_message(remove(content.get_as<std::string>(1))));
      } else if (content.match_elements<whereis_atom, std::string>()) {
        respond(*element, caf::make_message(find(content.get_as<std::string>(1))));
      } else if (content.match_elements<registered_atom>()) {
        respond(*element, caf::make_message(all()));
      } else if (content.match_elements<await_name_atom, std::string>()) {
        const std::string name = content.get_as<std::string>(1);
        find_or_wait(name, cell_ref<cell<caf::actor>>::adopt(
                               new reply_cell<caf::actor>(*this, requester(*element))));
      } else {
        refuse(*element);
      }
    } catch (...) {
      respond(*element, caf::make_message(to_error(std::current_exception())));
    }
  }

 private:
  struct entry {
    caf::strong_actor_ptr holder;
  };

  /// Frees the name when its holder ends. Does not keep the registry.
  class watch final : public caf::attachable, public recycled {
   public:
    watch(caf::weak_actor_ptr names, std::string name, const std::shared_ptr<entry>& what)
        : names_(std::move(names)), name_(std::move(name)), entry_(what), key_(what.get()) {}
    void actor_exited(const caf::error&, caf::execution_unit*) override {
      if (const auto names = caf::actor_cast<caf::strong_actor_ptr>(names_))
        static_cast<registry_actor*>(names->get())->forget(name_, key_);
    }
    bool matches(const token& what) override {
      return what.subtype == token::anonymous && what.ptr == key_;
    }

   private:
    caf::weak_actor_ptr names_;
    std::string name_;
    std::weak_ptr<entry> entry_;  // keeps the key from being used again
    const void* key_;
  };

  void forget(const std::string& name, const void* key) {
    std::shared_ptr<entry> old;
    guard lock(*this);
    const auto at = names_.find(name);
    if (at == names_.end() || at->second.get() != key) return;
    old = std::move(at->second);
    names_.erase(at);
  }

  caf::actor find_locked(const std::string& name) const {
    const auto at = names_.find(name);
    if (at == names_.end() || is_dead(at->second->holder)) return {};
    return caf::actor_cast<caf::actor>(at->second->holder);
  }

  // Guarded by state_mutex_.
  std::map<std::string, std::shared_ptr<entry>> names_;
  std::map<std::string, waiting_line<cell<caf::actor>>> waiting_;
};

namespace {

lean_ref<lean_actor> registry_of(caf::actor_system& system) {
  static const char key = 0;
  const auto actor = scheduler::of(system).shared(
      &key, [&] { return caf::strong_actor_ptr(make_broker<registry_actor>(system)->ctrl()); });
  return lean_ref<lean_actor>(static_cast<lean_actor*>(actor->get()));
}

}  // namespace

// -- waiting ----------------------------------------------------------------------------------

name_wait::name_wait(lean_ref<lean_actor> names, std::string name, const time_limit& limit)
    : timer_wait(wait_record::no_deadline, wait_kind::other, limit.where),
      names_(std::move(names)),
      name_(std::move(name)),
      limit_(limit.length) {
  record_.whom = names_->id();
}

name_wait::~name_wait() {
  if (found_ && !found_->resolved()) static_cast<registry_actor&>(*names_).withdraw(name_, *found_);
}

bool name_wait::await_ready() {
  found_ =
      cell_ref<cell<caf::actor>>::adopt(new cell<caf::actor>(&host_here("registry::await_name")));
  static_cast<registry_actor&>(*names_).find_or_wait(name_, found_);
  if (found_->resolved()) return true;
  if (limit_ != infinite) {
    record_.until = after(now_here("registry::await_name"), limit_);
    begin("registry::await_name");
  }
  return false;
}

bool name_wait::withdraw() noexcept {
  timer_wait::withdraw();
  static_cast<registry_actor&>(*names_).withdraw(name_, *found_);
  return true;
}

caf::actor name_wait::await_resume() {
  timer_wait::withdraw();
  if (auto reason = interruption()) std::rethrow_exception(reason);
  if (found_->resolved()) return std::move(*found_->value());
  throw timeout_error("nobody was registered as \"" + name_ + "\" in time");
}

}  // namespace detail

// -- the face ---------------------------------------------------------------------------------

registry::registry() : registry(detail::system_here("registry")) {}
registry::registry(caf::actor_system& system) : actor_(detail::registry_of(system)) {}

detail::registry_actor& registry::self() const noexcept {
  return static_cast<detail::registry_actor&>(*actor_);
}

void registry::enter(std::string name, caf::strong_actor_ptr whom) const {
  self().enter(std::move(name), std::move(whom));
}
bool registry::unregister_name(const std::string& name) const { return self().remove(name); }
caf::actor registry::whereis(const std::string& name) const { return self().find(name); }
std::vector<std::string> registry::registered() const { return self().all(); }

}  // namespace buskin
