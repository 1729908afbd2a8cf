// Where the context of what runs is found: in the coroutine stack that runs, else in the innermost
// scope of this thread (a callback, a job of a pool, context::run), else, in a thread that no
// runtime drives, in the thread itself.
#include <buskin/runtime/context.hpp>

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <thread>
#include <utility>

namespace buskin {

namespace detail {

namespace {

/// The context of a thread outside of any runtime.
struct thread_context {
  ~thread_context() {
    if (state != nullptr) std::exchange(state, nullptr)->release();
  }
  context_state* state = nullptr;
};
thread_local thread_context of_thread;
constinit thread_local context_state** innermost = nullptr;

context_state** slot_here() noexcept {
  if (here.stack != nullptr) return &here.stack->context_slot();
  if (innermost != nullptr) return innermost;
  return here.worker == nullptr ? &of_thread.state : nullptr;
}

auto place_of(const std::vector<binding>& all, std::uint64_t key) noexcept {
  return std::lower_bound(all.begin(), all.end(), key,
                          [](const binding& each, std::uint64_t k) { return each.key < k; });
}

}  // namespace

std::shared_ptr<const void> find_binding(const bindings& all, std::uint64_t key) noexcept {
  if (!all) return nullptr;
  const auto at = place_of(*all, key);
  return at != all->end() && at->key == key ? at->value : nullptr;
}

bindings rebind(const bindings& all, std::uint64_t key, std::shared_ptr<const void> value) {
  auto changed =
      all ? std::make_shared<std::vector<binding>>(*all) : std::make_shared<std::vector<binding>>();
  const auto at = changed->begin() + (place_of(*changed, key) - changed->cbegin());
  const bool there = at != changed->end() && at->key == key;
  if (!value) {
    if (there) changed->erase(at);
  } else if (there) {
    at->value = std::move(value);
  } else {
    changed->insert(at, {key, std::move(value)});
  }
  if (changed->empty()) return nullptr;
  return changed;
}

// -- context_state ----------------------------------------------------------------------------

class context_state::locked {
 public:
  explicit locked(std::atomic_flag& flag) noexcept : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  ~locked() { flag_.clear(std::memory_order_release); }
  locked(const locked&) = delete;
  locked& operator=(const locked&) = delete;

 private:
  std::atomic_flag& flag_;
};

bindings context_state::all() const noexcept {
  const locked guard(lock_);
  return all_;
}

std::shared_ptr<const void> context_state::find(std::uint64_t key) const noexcept {
  const locked guard(lock_);
  return find_binding(all_, key);
}

std::shared_ptr<const void> context_state::bind(std::uint64_t key,
                                                std::shared_ptr<const void> value) {
  bindings old;  // its last reference may run destructors: outside of the lock
  const locked guard(lock_);
  auto changed = rebind(all_, key, std::move(value));
  old = std::exchange(all_, std::move(changed));
  return find_binding(old, key);
}

// -- here -------------------------------------------------------------------------------------

context_state* context_here() noexcept {
  auto** slot = slot_here();
  return slot == nullptr ? nullptr : *slot;
}

context_state& own_context_here() {
  auto** slot = slot_here();
  if (slot == nullptr)
    throw invalid_state(
        "a buskin::local was set in a handler of an actor, where nothing keeps it; set it in a "
        "task, "
        "a callback or inside context::run");
  if (*slot == nullptr) *slot = new context_state(nullptr);
  return **slot;
}

bindings bindings_here() noexcept {
  const auto* state = context_here();
  return state == nullptr ? nullptr : state->all();
}

context_scope::context_scope(context_ref inner) noexcept {
  if (here.stack != nullptr) {
    slot_ = &here.stack->context_slot();
    outer_ = std::exchange(*slot_, inner.leave());
  } else {
    slot_ = &own_;
    own_ = inner.leave();
    outer_slot_ = std::exchange(innermost, slot_);
  }
}

context_scope::~context_scope() {
  if (slot_ == &own_) innermost = outer_slot_;
  if (auto* ended = std::exchange(*slot_, outer_)) ended->release();
}

}  // namespace detail

// -- context ----------------------------------------------------------------------------------

context::context() : state_(detail::context_ref::adopt(new detail::context_state(nullptr))) {}

context context::copy_current() {
  return context(detail::context_ref::adopt(new detail::context_state(detail::bindings_here())));
}

context context::copy() const {
  return context(detail::context_ref::adopt(new detail::context_state(state_->all())));
}

std::size_t context::size() const noexcept {
  const auto all = state_->all();
  return all ? all->size() : 0;
}

}  // namespace buskin
