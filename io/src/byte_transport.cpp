// What always holds: between a failed attempt and the wait for news no news is lost, whatever
// thread it comes from.
#include <buskin/io/byte_transport.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <atomic>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace detail {

namespace {
class transport_core;
}

/// What a transport tells its core, by any thread.
class transport_news {
 public:
  explicit transport_news(worker& home) noexcept : home_(home) {}

  struct side {
    enum class state : std::uint8_t { idle, wanted, told };
    std::atomic<state> now{state::idle};
    void (stream_core::*tell)() = nullptr;
  };

  void listen(std::weak_ptr<stream_core> core, void (stream_core::*can_read)(),
              void (stream_core::*can_write)()) {
    core_ = std::move(core);
    reading.tell = can_read;
    writing.tell = can_write;
  }

  /// By the transport.
  static void tell(const std::shared_ptr<transport_news>& self, side& which) {
    if (which.now.exchange(side::state::told) == side::state::wanted) post(self, which);
  }
  /// By the core, after an attempt that found nothing.
  static void want(const std::shared_ptr<transport_news>& self, side& which) {
    if (which.now.exchange(side::state::wanted) == side::state::told) post(self, which);
  }
  /// By the core, before an attempt: it sees what was told of.
  static void look(side& which) noexcept {
    if (which.now.load(std::memory_order_relaxed) == side::state::told)
      which.now.exchange(side::state::idle);
  }

  side reading;
  side writing;

 private:
  /// In a turn of its own: whoever is told may use what tells.
  static void post(const std::shared_ptr<transport_news>& self, side& which) {
    self->home_.post([self, &which] {
      which.now.store(side::state::idle);
      if (const auto core = self->core_.lock()) ((*core).*which.tell)();
    });
  }

  const worker_ref home_;
  std::weak_ptr<stream_core> core_;  // set before anybody is told
};

namespace {

/// An exception of the user's is a failure like others: nobody else could be told of it.
template <class Attempt>
transfer tried(Attempt attempt) {
  try {
    return attempt();
  } catch (const std::system_error& error) {
    return {transfer::status::failed, 0, error.code()};
  } catch (...) {
    return {transfer::status::failed, 0, std::make_error_code(std::errc::io_error)};
  }
}

class transport_core final : public stream_core {
 public:
  transport_core(worker& home, std::unique_ptr<byte_transport> below,
                 std::shared_ptr<transport_news> news)
      : stream_core(home), below_(std::move(below)), news_(std::move(news)) {}

  void listen() {
    news_->listen(weak_from_this(), &transport_core::on_readable, &transport_core::on_writable);
  }

  std::string describe() const override { return below_->describe(); }
  int descriptor() const noexcept override { return closed() ? -1 : below_->descriptor(); }

 protected:
  transfer transport_read(char* target, std::size_t size) override {
    transport_news::look(news_->reading);
    return tried([&] { return below_->read_some({target, size}); });
  }
  transfer transport_write(const char* bytes, std::size_t size) override {
    transport_news::look(news_->writing);
    return tried([&] { return below_->write_some({bytes, size}); });
  }
  void watch_readable() override { transport_news::want(news_, news_->reading); }
  void watch_writable() override { transport_news::want(news_, news_->writing); }
  void transport_end_of_writing() override { below_->end_of_writing(); }
  void transport_close() override { below_->close(); }

 private:
  const std::unique_ptr<byte_transport> below_;
  const std::shared_ptr<transport_news> news_;
};

}  // namespace

}  // namespace detail

byte_transport::byte_transport() = default;
byte_transport::~byte_transport() = default;

void byte_transport::readable() {
  if (news_) detail::transport_news::tell(news_, news_->reading);
}
void byte_transport::writable() {
  if (news_) detail::transport_news::tell(news_, news_->writing);
}

stream from_transport(std::unique_ptr<byte_transport> below) {
  if (!below) throw std::invalid_argument("from_transport was given no transport");
  if (detail::here.worker == nullptr)
    throw invalid_state("from_transport was called outside of a running buskin::runtime");
  auto& home = *detail::here.worker;
  auto news = std::make_shared<detail::transport_news>(home);
  below->news_ = news;
  auto core = std::make_shared<detail::transport_core>(home, std::move(below), std::move(news));
  core->listen();
  return stream(std::move(core));
}

}  // namespace buskin::io
