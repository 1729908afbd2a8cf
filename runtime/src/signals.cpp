#include <buskin/runtime/signals.hpp>

#include "runtime_impl.hpp"

#include <buskin/runtime/detail/signal_source.hpp>
#include <buskin/runtime/errors.hpp>

#include <caf/attachable.hpp>
#include <caf/send.hpp>

#include <asio/post.hpp>

#include <array>
#include <csignal>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

namespace buskin {

namespace detail {

namespace {

constexpr int signal_numbers = 65;                   // Linux has 1 to 64
constexpr std::size_t kept_signals = 1'000;          // of one source, that nobody has asked for
std::array<std::atomic<int>, signal_numbers> taken;  // how many sources there are of each

}  // namespace

void check_signal(int number) {
  const auto refuse = [number](const char* why) {
    throw std::invalid_argument("signal " + std::to_string(number) + " " + why);
  };
  if (number < 1 || number >= signal_numbers) refuse("does not exist: numbers are 1 to 64");
  switch (number) {
    case SIGKILL:
    case SIGSTOP:
      refuse("(SIGKILL, SIGSTOP) cannot be handled by any program");
      break;
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      refuse(
          "(SIGSEGV, SIGBUS, SIGFPE, SIGILL) says that the program is broken; a loop that "
          "handles it later would meet it again at once");
      break;
    default:
      break;
  }
}

/// While it lives these signals are the program's own.
class signal_claim {
 public:
  explicit signal_claim(const std::vector<int>& numbers) : numbers_(numbers) { count(1); }
  ~signal_claim() { count(-1); }
  signal_claim(const signal_claim&) = delete;
  signal_claim& operator=(const signal_claim&) = delete;

 private:
  void count(int change) const noexcept {
    for (const int number : numbers_)
      taken[static_cast<std::size_t>(number)].fetch_add(change, std::memory_order_acq_rel);
  }
  const std::vector<int> numbers_;
};

bool signal_is_taken(int number) noexcept {
  return taken[static_cast<std::size_t>(number)].load(std::memory_order_acquire) != 0;
}

signal_source::signal_source(asio::io_context& io, std::vector<int> numbers,
                             std::function<void(int)> told)
    : set_(io), numbers_(std::move(numbers)), told_(std::move(told)) {
  for (const int number : numbers_) check_signal(number);
  for (const int number : numbers_) {
    asio::error_code failure;
    set_.add(number, failure);
    if (failure)
      throw std::system_error(std::error_code(failure.value(), std::system_category()),
                              "cannot take signal " + std::to_string(number) +
                                  "; it may be one that the C library uses itself");
  }
  claim_ = std::make_shared<signal_claim>(numbers_);
}

signal_source::~signal_source() { close(); }

void signal_source::close() noexcept {
  std::lock_guard guard(mutex_);
  if (std::exchange(closed_, true)) return;
  asio::error_code ignored;  // to restore a default action does not fail
  set_.clear(ignored);
  // A signal that came before this was for us, also where the runtime's own handler, which the loop
  // has in its queue, is only about to learn of it.
  try {
    asio::post(set_.get_executor(), [claim = claim_] {});
  } catch (const std::bad_alloc&) {
    // Then it is over at once.
  }
  claim_.reset();
  if (waiter_ != nullptr) waiter_->signal();
}

void signal_source::listen() {
  std::lock_guard guard(mutex_);
  listen_locked();
}

void signal_source::listen_locked() {
  set_.async_wait([weak = weak_from_this()](const asio::error_code& failure, int number) {
    if (failure) return;
    if (const auto self = weak.lock()) self->came(number);
  });
}

void signal_source::came(int number) {
  {
    std::lock_guard guard(mutex_);
    if (closed_) return;
    if (!told_ && arrived_.size() < kept_signals) arrived_.push_back(number);
    listen_locked();
    if (waiter_ != nullptr) waiter_->signal();
  }
  if (told_) told_(number);
}

bool signal_source::enter(stack_host& waiter) {
  std::lock_guard guard(mutex_);
  if (told_)
    throw invalid_state(
        "these signals are sent to an actor; make a second `signals` to await them");
  if (closed_ || !arrived_.empty()) return true;
  if (waiter_ != nullptr)
    throw invalid_state("another task waits for these signals already; make a second `signals`");
  waiter_ = &waiter;
  return false;
}

void signal_source::leave() noexcept {
  std::lock_guard guard(mutex_);
  waiter_ = nullptr;
}

bool signal_source::ready() noexcept {
  std::lock_guard guard(mutex_);
  return closed_ || !arrived_.empty();
}

int signal_source::take() {
  std::lock_guard guard(mutex_);
  if (arrived_.empty()) throw invalid_state("the `signals` object that was awaited is gone");
  const int number = arrived_.front();
  arrived_.pop_front();
  return number;
}

signal_wait::signal_wait(std::shared_ptr<signal_source> source,
                         const std::source_location& where) noexcept
    : wait(wait_kind::signal, where), source_(std::move(source)) {}

signal_wait::~signal_wait() { withdraw(); }

bool signal_wait::ready() noexcept { return source_->ready(); }

bool signal_wait::withdraw() noexcept {
  if (std::exchange(entered_, false)) source_->leave();
  return true;
}

bool signal_wait::await_ready() {
  auto& host = stack_here("signals::next").host();
  if (!source_) throw invalid_state("this `signals` was moved from");
  entered_ = !source_->enter(host);
  return !entered_;
}

int signal_wait::await_resume() {
  if (auto reason = interruption()) std::rethrow_exception(reason);
  withdraw();
  return source_->take();
}

}  // namespace detail

signals::signals(std::initializer_list<int> numbers) : signals(std::vector<int>(numbers)) {}

signals::signals(const std::vector<int>& numbers)
    : source_(std::make_shared<detail::signal_source>(runtime::current().io(), numbers, nullptr)) {
  source_->listen();
}

namespace {

/// Ends the taking of signals with the actor that is told of them.
class taker_watch final : public caf::attachable {
 public:
  explicit taker_watch(const std::shared_ptr<detail::signal_source>& source)
      : source_(source), id_(source.get()) {}
  void actor_exited(const caf::error&, caf::execution_unit*) override {
    if (const auto source = source_.lock()) source->close();
  }
  bool matches(const token& what) override {
    return what.subtype == token::anonymous && what.ptr == id_;
  }

 private:
  std::weak_ptr<detail::signal_source> source_;
  const void* id_;
};

}  // namespace

signals::signals(const std::vector<int>& numbers, caf::actor whom) : told_(std::move(whom)) {
  if (!told_) throw std::invalid_argument("signals are to be sent to no actor");
  source_ = std::make_shared<detail::signal_source>(
      runtime::current().io(), numbers,
      [whom = told_](int number) { caf::anon_send(whom, signal_received::value, number); });
  source_->listen();
  told_->attach(caf::attachable_ptr(new taker_watch(source_)));
}

signals& signals::operator=(signals&& other) noexcept {
  if (this != &other) {
    close();
    source_ = std::move(other.source_);
    told_ = std::move(other.told_);
  }
  return *this;
}

signals::~signals() { close(); }

void signals::close() noexcept {
  if (!source_) return;
  source_->close();
  if (told_)
    told_->detach(caf::attachable::token(caf::attachable::token::anonymous, source_.get()));
}

// -- handlers -------------------------------------------------------------------------------------

void runtime::handle_signal(int number, std::function<void()> function,
                            const std::source_location& where) {
  check_open("add_signal_handler");
  auto& first = impl_->first();
  auto source = std::make_shared<detail::signal_source>(
      first.io(), std::vector<int>{number}, [&first, function = std::move(function), where](int) {
        detail::post_function(first, function, where);
      });
  source->listen();
  std::lock_guard guard(impl_->handler_mutex);
  auto& place = impl_->signal_handlers[number];
  if (place) place->close();
  place = std::move(source);
}

bool runtime::remove_signal_handler(int number) {
  std::shared_ptr<detail::signal_source> removed;
  {
    std::lock_guard guard(impl_->handler_mutex);
    const auto found = impl_->signal_handlers.find(number);
    if (found == impl_->signal_handlers.end()) return false;
    removed = std::move(found->second);
    impl_->signal_handlers.erase(found);
  }
  removed->close();
  return true;
}

void runtime::forget_signal_handlers() noexcept {
  std::lock_guard guard(impl_->handler_mutex);
  for (auto& [number, source] : impl_->signal_handlers) source->close();
  impl_->signal_handlers.clear();
}

}  // namespace buskin
