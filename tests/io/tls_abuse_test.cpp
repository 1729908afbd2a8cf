// Peers of TLS that mean no good, or do not know better: they keep to the protocol, and use it up.
#include <buskin/io/connection.hpp>
#include <buskin/io/memory_stream.hpp>
#include <buskin/io/serve.hpp>

#include <buskin/actors/task_handle.hpp>
#include <buskin/runtime/sleep.hpp>

#include "io/live_stage.hpp"
#include "io/tls_support.hpp"
#include "support/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace buskin;
using namespace std::chrono_literals;
using namespace buskin::test;
using io::tls_error;

/// A client made of OpenSSL alone, which may do what ours does not.
class raw_client {
 public:
  raw_client(io::stream wire, const tls_world& world, int version = TLS1_3_VERSION)
      : wire_(std::move(wire)), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
    SSL_CTX_load_verify_file(context_.get(), world.issuer.file().c_str());
    SSL_CTX_set_max_proto_version(context_.get(), version);
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
  }

  task<void> shake_hands() {
    while (SSL_do_handshake(ssl_.get()) != 1) {
      co_await send();
      const std::string bytes = co_await wire_.read();
      if (bytes.empty()) throw std::runtime_error("the server has gone");
      BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    }
    co_await send();
  }
  /// The next record holds `bytes`.
  void put(const std::string& bytes) {
    BOOST_REQUIRE(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0);
  }
  /// New keys for us, and a request for new keys of the server.
  void ask_for_new_keys() {
    BOOST_REQUIRE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    BOOST_REQUIRE(SSL_do_handshake(ssl_.get()) == 1);
  }
  task<void> send() {
    std::string bytes(BIO_ctrl_pending(out_), '\0');
    if (bytes.empty()) co_return;
    BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    co_await wire_.write(bytes);
    co_await wire_.drain();
  }
  /// Reads what the server sent, decrypted; "" for its end.
  task<std::string> receive() {
    std::string text(1000, '\0');
    for (;;) {
      const int count = SSL_read(ssl_.get(), text.data(), static_cast<int>(text.size()));
      co_await send();
      if (count > 0) {
        text.resize(static_cast<std::size_t>(count));
        co_return text;
      }
      const std::string bytes = co_await wire_.read();
      if (bytes.empty()) co_return "";
      BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    }
  }

 private:
  io::stream wire_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, &SSL_free};
  BIO* in_ = nullptr;   // owned by ssl_
  BIO* out_ = nullptr;  // owned by ssl_
};

task<void> begin(raw_client& client, io::stream server, const tls_world& world) {
  co_await gather(client.shake_hands(), server.start_tls(world.server()));
}

BOOST_AUTO_TEST_SUITE(tls_abuse_)

task<void> flood_with_key_requests(raw_client* client, int count) {
  for (int i = 0; i != count; ++i) {
    client->ask_for_new_keys();
    co_await client->send();
  }
}

// X6
BOOST_AUTO_TEST_CASE(who_asks_for_new_keys_without_end_and_takes_none_is_left) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    raw_client client(ours, world);
    co_await begin(client, theirs, world);
    auto flooding = spawn(failure_of(flood_with_key_requests(&client, 100'000)));
    auto reading = [](io::stream from) -> task<void> { co_await from.read(); };
    const auto ended = co_await failure_of(reading(theirs));
    BOOST_TEST(refused(ended, tls_error::corrupted, {"asks for new keys without end"}));
    theirs.abort();
    BOOST_TEST((co_await flooding != nullptr));  // and it learns that nobody listens
  };
  s.run(main());
}

// X6
BOOST_AUTO_TEST_CASE(who_takes_the_new_keys_may_ask_again_and_again) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    raw_client client(ours, world);
    co_await begin(client, theirs, world);
    for (int i = 0; i != 3000; ++i) {
      client.ask_for_new_keys();
      client.put("x");
      co_await client.send();
      BOOST_REQUIRE(co_await theirs.read_exactly(1) == "x");
      co_await theirs.write("y");
      BOOST_REQUIRE(co_await client.receive() == "y");
    }
  };
  s.run(main());
}

task<void> send_single_bytes(raw_client* client, const std::string* all) {
  for (std::size_t i = 0; i != all->size(); ++i) {
    client->put(all->substr(i, 1));
    if (i % 700 == 0) co_await client->send();
  }
  co_await client->send();
}

// X6
BOOST_AUTO_TEST_CASE(records_of_a_single_byte_are_read_as_they_come_and_others_have_turns) {
  stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto [ours, theirs] = io::memory_stream();
    raw_client client(ours, world);
    co_await begin(client, theirs, world);
    std::string all;
    for (int i = 0; i != 100'000; ++i) all += static_cast<char>(i * 7);
    int turns = 0;
    auto canary = [&]() -> task<void> {
      for (;; ++turns) co_await yield();
    };
    auto other = spawn(canary());
    auto sending = spawn(send_single_bytes(&client, &all));
    BOOST_TEST((co_await theirs.read_exactly(all.size()) == all));
    co_await sending;
    other.cancel();
    BOOST_CHECK_THROW(co_await other, cancelled);
    BOOST_TEST(turns >= 100);
  };
  s.run(main());
}

std::size_t resident_bytes() {
  std::ifstream sizes("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  sizes >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// X5
BOOST_AUTO_TEST_CASE(a_thousand_who_stall_in_the_handshake_are_dropped_and_hold_up_nobody) {
  live_stage s;
  tls_world world;
  auto main = [&]() -> task<void> {
    auto handler = [](io::connection client) -> task<void> { co_await client.write("here"); };
    constexpr std::size_t stalling = 1000;
    std::size_t late = 0;
    auto server = co_await io::serve("127.0.0.1:0", handler,
                                     {.tls = world.server(),
                                      .handshake_timeout = 3s,
                                      .on_handshake_failure = [&late](std::exception_ptr why) {
                                        if (mentions(why, "took longer than 3")) ++late;
                                      }});
    const auto before = resident_bytes();
    std::vector<io::connection> clients;
    for (std::size_t i = 0; i != stalling; ++i) {
      clients.push_back(co_await io::connect(server.local().to_string()));
      co_await clients.back().write("\x16");
    }
    const auto ask = [&]() -> task<void> {
      auto canary = co_await io::connect(server.local().to_string(), {.tls = world.client()});
      BOOST_TEST(co_await canary.read() == "here");
      canary.close();
    };
    co_await ask();
    co_await until([&] { return server.connections() + late >= stalling; }, "all to stall");
    const auto each = (resident_bytes() - std::min(before, resident_bytes())) / stalling;
    BOOST_TEST_MESSAGE(each << " bytes each, both ends together");
    BOOST_TEST(each < 250'000U);
    for (auto& client : clients) BOOST_TEST(co_await client.read() == "");
    BOOST_TEST(late == stalling);
    co_await until([&] { return server.connections() == 0; }, "all to be gone");
    co_await ask();
  };
  s.run(main());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
