// A transport of one's own below a stream: whatever uses streams uses it.
#include <buskin/io/byte_transport.hpp>

#include <buskin/actors/ask.hpp>
#include <buskin/actors/gather.hpp>
#include <buskin/actors/monitor.hpp>
#include <buskin/actors/task_handle.hpp>
#include <buskin/io/protocol.hpp>
#include <buskin/io/stream_messages.hpp>
#include <buskin/runtime/errors.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using buskin::test::live_stage;
using io::byte_transport;
using io::from_transport;
using io::transfer;

/// What a test sees of a transport, and puts into it, in any thread.
class tape {
 public:
  /// What the stream reads.
  void put(std::string_view bytes) {
    std::lock_guard guard(mutex_);
    in_ += bytes;
    if (reader_) reader_();
  }
  void end() {
    std::lock_guard guard(mutex_);
    over_ = true;
    if (reader_) reader_();
  }
  void fail(std::errc why) {
    std::lock_guard guard(mutex_);
    failure_ = std::make_error_code(why);
    if (reader_) reader_();
  }
  /// Takes what the stream wrote, and makes room for as much.
  std::string take() {
    std::lock_guard guard(mutex_);
    auto all = std::exchange(out_, {});
    if (writer_) writer_();
    return all;
  }
  bool closed() const {
    std::lock_guard guard(mutex_);
    return closes_ != 0;
  }
  int closes() const {
    std::lock_guard guard(mutex_);
    return closes_;
  }
  bool ended() const {
    std::lock_guard guard(mutex_);
    return ended_;
  }

 private:
  friend class tape_transport;
  mutable std::mutex mutex_;  // guards all of them
  std::string in_;
  std::string out_;
  std::error_code failure_;
  std::function<void()> reader_;
  std::function<void()> writer_;
  int closes_ = 0;
  bool over_ = false;
  bool ended_ = false;
};

class tape_transport final : public byte_transport {
 public:
  tape_transport(std::shared_ptr<tape> with, std::size_t room)
      : tape_(std::move(with)), room_(room) {
    tape_->reader_ = [this] { readable(); };
    tape_->writer_ = [this] { writable(); };
  }
  transfer read_some(std::span<char> target) override {
    std::lock_guard guard(tape_->mutex_);
    auto& in = tape_->in_;
    if (!in.empty()) {
      const std::size_t count = std::min(target.size(), in.size());
      std::copy_n(in.begin(), count, target.begin());
      in.erase(0, count);
      return transfer::moved(count);
    }
    if (tape_->failure_) return transfer::failure(tape_->failure_);
    return tape_->over_ ? transfer::ended() : transfer::blocked();
  }
  transfer write_some(std::string_view bytes) override {
    std::lock_guard guard(tape_->mutex_);
    const std::size_t count = std::min(bytes.size(), room_ - tape_->out_.size());
    if (count == 0) return transfer::blocked();
    tape_->out_ += bytes.substr(0, count);
    return transfer::moved(count);
  }
  void end_of_writing() override {
    std::lock_guard guard(tape_->mutex_);
    tape_->ended_ = true;
  }
  void close() noexcept override {
    std::lock_guard guard(tape_->mutex_);
    ++tape_->closes_;
    tape_->reader_ = nullptr;
    tape_->writer_ = nullptr;
  }
  std::string describe() const override { return "tape 1"; }

 private:
  const std::shared_ptr<tape> tape_;
  const std::size_t room_;
};

io::stream stream_over(const std::shared_ptr<tape>& t, std::size_t room = 10) {
  return from_transport(std::make_unique<tape_transport>(t, room));
}

BOOST_AUTO_TEST_SUITE(byte_transport_)

BOOST_AUTO_TEST_CASE(tasks_read_what_another_thread_puts_there) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto t = std::make_shared<tape>();
    auto bytes = stream_over(t);
    BOOST_TEST(bytes.describe() == "tape 1");
    BOOST_TEST(bytes.descriptor() == -1);
    std::thread other([t] {
      for (int i = 0; i != 2000; ++i) t->put("line " + std::to_string(i) + "\n");
      t->end();
    });
    bool right = true;
    for (int i = 0; i != 2000; ++i)
      right = right && co_await bytes.read_until("\n") == "line " + std::to_string(i) + "\n";
    BOOST_TEST(right);
    BOOST_TEST(co_await bytes.read() == "");
    BOOST_TEST(co_await bytes.read() == "");
    other.join();
    bytes.close();
    BOOST_TEST(t->closes() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(writers_wait_for_room_and_the_end_of_writing_comes_after_the_bytes) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto t = std::make_shared<tape>();
    auto bytes = stream_over(t);
    co_await bytes.write(std::string(35, 'x'));
    bytes.write_eof();
    auto draining = spawn([](io::stream what) -> task<void> { co_await what.drain(); }(bytes));
    std::string got;
    while (got.size() < 35) {
      co_await yield();
      if (got.size() <= 20) BOOST_TEST(!t->ended());  // not before the last of it is taken
      got += t->take();
    }
    co_await draining;
    BOOST_TEST(got == std::string(35, 'x'));
    BOOST_TEST(t->ended());
    // A close sends what is unsent, too.
    auto other = std::make_shared<tape>();
    auto closing = stream_over(other);
    co_await closing.write(std::string(25, 'y'));
    closing.close();
    BOOST_TEST(!other->closed());
    for (std::size_t left = 25; left != 0; co_await yield()) left -= other->take().size();
    co_await test::until([&] { return other->closed(); }, "the close");
    BOOST_TEST(other->closes() == 1);
  };
  s.run(main());
}

BOOST_AUTO_TEST_CASE(what_the_transport_fails_with_is_what_readers_get) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto t = std::make_shared<tape>();
    auto bytes = stream_over(t);
    auto reading = spawn([](io::stream from) -> task<std::string> {
      co_return co_await from.read_exactly(10);
    }(bytes));
    t->put("half");
    co_await yield();
    t->fail(std::errc::io_error);
    BOOST_CHECK_EXCEPTION(co_await reading, std::system_error, [](const std::system_error& error) {
      return error.code() == std::errc::io_error &&
             std::string(error.what()).find("tape 1") != std::string::npos;
    });
    BOOST_CHECK_THROW(from_transport(nullptr), std::invalid_argument);
  };
  s.run(main());
  BOOST_CHECK_THROW(from_transport(std::make_unique<tape_transport>(std::make_shared<tape>(), 1U)),
                    invalid_state);
}

struct shouting : io::protocol {
  void connection_made(io::transport t) override { link = t; }
  void data_received(std::string_view bytes) override {
    std::string loud(bytes);
    for (char& each : loud) each = static_cast<char>(std::toupper(each));
    link.write(loud);
  }
  io::transport link;
};

BOOST_AUTO_TEST_CASE(protocols_and_messages_use_it_as_any_stream) {
  live_stage s;
  auto main = [&]() -> task<void> {
    auto t = std::make_shared<tape>();
    const auto link = io::attach(stream_over(t, 1000), std::make_shared<shouting>());
    const auto end = monitor(link.actor());
    t->put("quiet");
    std::string got;
    while (got != "QUIET") {
      co_await yield();
      got += t->take();
    }
    t->end();
    co_await end;
    BOOST_TEST(t->closed());

    auto other = std::make_shared<tape>();
    auto bytes = stream_over(other, 1000);
    co_await ask<void>(bytes.actor(), 5s, io::write_stream::value, std::string("by message"));
    BOOST_TEST(other->take() == "by message");
    other->put("answer");
    BOOST_TEST((co_await ask<std::string>(bytes.actor(), 5s, io::read_stream::value,
                                          std::uint64_t{100})) == "answer");
  };
  s.run(main());
}

/// Carries what one tape was given to the other's reader.
task<void> carry(std::shared_ptr<tape> from, std::shared_ptr<tape> to) {
  for (;;) {
    const auto bytes = from->take();
    if (!bytes.empty()) to->put(bytes);
    co_await sleep(1ms);
  }
}

BOOST_AUTO_TEST_CASE(tls_stands_on_it) {
  test::tls_world world;
  live_stage s;
  auto main = [&]() -> task<void> {
    auto there = std::make_shared<tape>();
    auto here = std::make_shared<tape>();
    auto client = stream_over(here, 500);
    auto server = stream_over(there, 500);
    auto one = spawn(carry(here, there));
    auto two = spawn(carry(there, here));
    co_await test::secure(client, world.client(), server, world.server());
    const std::string much(20'000, 'm');
    co_await client.write(much);
    BOOST_TEST((co_await server.read_exactly(much.size()) == much));
    co_await client.drain();
    client.close();
    BOOST_TEST(co_await server.read() == "");
    server.close();
    co_await test::until([&] { return here->closed() && there->closed(); }, "the end");
    one.cancel();
    two.cancel();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
