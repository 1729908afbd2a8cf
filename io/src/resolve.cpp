#include <buskin/io/resolve.hpp>

#include <buskin/runtime/detail/coro_stack.hpp>
#include <buskin/runtime/errors.hpp>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace buskin::io {

// -- addresses --------------------------------------------------------------------------------

host_port host_port::parse(std::string_view text) {
  const auto refuse = [&](const char* why) {
    throw std::invalid_argument("\"" + std::string(text) + "\" is no address: " + why +
                                "; write host:port, such as 127.0.0.1:7070");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse("it has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') refuse("the bracket is not closed");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    refuse("an IPv6 host stands in brackets");
  }
  host_port result{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size())
    refuse("the port is a number from 0 to 65535");
  return result;
}

std::string host_port::to_string() const {
  return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

address::address(const sockaddr* from, socklen_t size) noexcept : size_(size) {
  std::memcpy(&storage_, from, size);
}

std::uint16_t address::port() const noexcept {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string address::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text,
              sizeof text);
    return std::string(text) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, text,
              sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(port());
  }
  return "(no address)";
}

void address::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
}

bool address::operator==(const address& other) const noexcept {
  if (family() != other.family() || port() != other.port()) return false;
  const auto same = [&](auto of) {
    return std::memcmp(of(*this), of(other), sizeof *of(*this)) == 0;
  };
  if (family() == AF_INET)
    return same([](const address& a) {
      return &reinterpret_cast<const sockaddr_in*>(&a.storage_)->sin_addr;
    });
  if (family() == AF_INET6)
    return same([](const address& a) {
      return &reinterpret_cast<const sockaddr_in6*>(&a.storage_)->sin6_addr;
    });
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

address address::parse(const std::string& host, std::uint16_t port) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return {reinterpret_cast<const sockaddr*>(&v4), sizeof v4};
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return {reinterpret_cast<const sockaddr*>(&v6), sizeof v6};
  }
  throw std::invalid_argument("\"" + host + "\" is no numeric IPv4 or IPv6 address");
}

address address::local_of(int descriptor) noexcept {
  address a;
  a.size_ = sizeof a.storage_;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&a.storage_), &a.size_) != 0) return {};
  return a;
}

address address::peer_of(int descriptor) noexcept {
  address a;
  a.size_ = sizeof a.storage_;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&a.storage_), &a.size_) != 0) return {};
  return a;
}

// -- looking up -------------------------------------------------------------------------------

namespace detail {

namespace {

using namespace buskin::detail;

struct answer {
  std::vector<address> addresses;
  int code = 0;         // of getaddrinfo
  int system_code = 0;  // errno, where the code says so
};

answer look_up(const host_port& where, resolve_for purpose, bool numeric) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : AI_ADDRCONFIG) |
                   (purpose == resolve_for::listening ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  answer result;
  const std::string port = std::to_string(where.port);
  result.code = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(),
                              &hints, &found);
  result.system_code = errno;
  for (const addrinfo* at = found; result.code == 0 && at != nullptr; at = at->ai_next)
    if (at->ai_family == AF_INET || at->ai_family == AF_INET6)
      result.addresses.emplace_back(at->ai_addr, at->ai_addrlen);
  if (found != nullptr) ::freeaddrinfo(found);
  return result;
}

/// The codes of getaddrinfo.
class lookup_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "getaddrinfo"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
  std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::address_not_available;
  }
};

/// One lookup, shared by whoever waits and the thread that does it; either may be gone first.
struct lookup {
  host_port where;
  resolve_for purpose{};
  std::mutex mutex;
  stack_host* waiter = nullptr;  // guarded by mutex; null when nobody waits any more
  std::optional<answer> result;  // guarded by mutex
};

/// Threads that call getaddrinfo. They may hang in it for long, so nobody ever waits for them: the
/// state they share with us is kept by whoever is last.
class resolver_pool {
 public:
  static void submit(std::shared_ptr<lookup> job) {
    static const auto pool = std::make_shared<resolver_pool>();
    std::lock_guard guard(pool->mutex_);
    pool->jobs_.push_back(std::move(job));
    if (pool->idle_ >= pool->jobs_.size() || pool->threads_ == most_threads) {
      pool->news_.notify_one();
      return;
    }
    ++pool->threads_;
    std::thread([shared = pool] { shared->work(); }).detach();
  }

 private:
  static constexpr std::size_t most_threads = 4;

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      const bool news =
          news_.wait_for(lock, std::chrono::seconds(10), [this] { return !jobs_.empty(); });
      --idle_;
      if (!news) break;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      auto result = look_up(job->where, job->purpose, false);
      {
        std::lock_guard guard(job->mutex);
        job->result = std::move(result);
        if (job->waiter != nullptr) job->waiter->signal();
      }
      lock.lock();
    }
    --threads_;
  }

  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::shared_ptr<lookup>> jobs_;  // guarded by mutex_
  std::size_t threads_ = 0;                   // guarded by mutex_
  std::size_t idle_ = 0;                      // guarded by mutex_
};

class lookup_wait final : public wait {
 public:
  lookup_wait(host_port where, resolve_for purpose, const std::source_location& source)
      : wait(wait_kind::resolve, source), job_(std::make_shared<lookup>()) {
    job_->where = std::move(where);
    job_->purpose = purpose;
  }
  ~lookup_wait() { forget(); }
  bool ready() noexcept override {
    std::lock_guard guard(job_->mutex);
    return job_->result.has_value();
  }
  bool withdraw() noexcept override {
    forget();
    return true;
  }
  bool await_ready() {
    job_->waiter = &stack_here("resolve").host();
    resolver_pool::submit(job_);
    return false;
  }
  bool await_suspend(std::coroutine_handle<> handle) { return suspend(handle); }
  answer await_resume() {
    if (auto reason = interruption()) std::rethrow_exception(reason);
    return std::move(*job_->result);
  }

 private:
  void forget() noexcept {
    std::lock_guard guard(job_->mutex);
    job_->waiter = nullptr;
  }
  std::shared_ptr<lookup> job_;
};

}  // namespace

}  // namespace detail

task<std::vector<address>> resolve(host_port where, resolve_for purpose,
                                   std::source_location source) {
  auto found = detail::look_up(where, purpose, true);
  if (found.code == EAI_NONAME) found = co_await detail::lookup_wait(where, purpose, source);
  if (found.code != 0 || found.addresses.empty()) {
    static const detail::lookup_category codes;
    throw std::system_error(found.code == EAI_SYSTEM
                                ? std::error_code(found.system_code, std::system_category())
                                : std::error_code(found.code != 0 ? found.code : EAI_NONAME, codes),
                            "cannot find the address of \"" + where.host + "\"");
  }
  co_return found.addresses;
}

}  // namespace buskin::io
