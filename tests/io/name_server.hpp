// A name server for tests: says what it is told to say.
#pragma once

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace buskin::test {

/// What is known of a name.
struct known_name {
  std::vector<std::string> four{};
  std::vector<std::string> six{};
  std::string alias{};
  std::uint8_t failure = 0;  ///< 2: server failure, 3: no such name
};

/// At 127.0.0.9:53, until its end. A dead one takes questions and says nothing.
class name_server {
 public:
  explicit name_server(std::map<std::string, known_name> names) : names_(std::move(names)) {
    open();
    thread_ = std::thread([this] { serve(); });
  }
  struct dead {};
  explicit name_server(dead) { open(); }
  ~name_server() {
    ::shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(socket_);
  }
  name_server(const name_server&) = delete;
  name_server& operator=(const name_server&) = delete;

 private:
  static constexpr std::uint16_t type_a = 1;
  static constexpr std::uint16_t type_alias = 5;
  static constexpr std::uint16_t type_aaaa = 28;

  void open() {
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(53);
    ::inet_pton(AF_INET, "127.0.0.9", &where.sin_addr);
    BOOST_REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  }

  void serve() {
    std::string question(512, '\0');
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got = ::recvfrom(socket_, question.data(), question.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 12) return;  // shut down
      const auto answer = answer_to(question.substr(0, static_cast<std::size_t>(got)));
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from),
               size);
    }
  }

  static void put(std::string& to, std::uint16_t value) {
    to += static_cast<char>(value >> 8U);
    to += static_cast<char>(value & 0xFFU);
  }
  static std::string encoded(const std::string& name) {
    std::string bytes;
    for (std::size_t at = 0; at < name.size();) {
      const auto dot = std::min(name.find('.', at), name.size());
      bytes += static_cast<char>(dot - at);
      bytes += name.substr(at, dot - at);
      at = dot + 1;
    }
    return bytes + '\0';
  }
  static void put_record(std::string& to, const std::string& owner, std::uint16_t type,
                         const std::string& data) {
    to += owner;
    put(to, type);
    put(to, 1);  // Internet
    put(to, 0);
    put(to, 60);  // seconds to live
    put(to, static_cast<std::uint16_t>(data.size()));
    to += data;
  }
  static std::string binary(int family, const std::string& text) {
    std::string bytes(family == AF_INET ? 4 : 16, '\0');
    BOOST_REQUIRE(::inet_pton(family, text.c_str(), bytes.data()) == 1);
    return bytes;
  }

  std::string answer_to(const std::string& question) const {
    std::string name;
    std::size_t at = 12;
    while (question[at] != '\0') {
      const auto length = static_cast<std::size_t>(question[at]);
      name += (name.empty() ? "" : ".") + question.substr(at + 1, length);
      at += length + 1;
    }
    const auto type = static_cast<std::uint16_t>(question[at + 2]);
    const auto found = names_.find(name);
    const known_name what = found != names_.end() ? found->second : known_name{.failure = 3};

    std::string records;
    std::uint16_t count = 0;
    std::string owner = encoded(name);
    // A chain of aliases is told as far as a server would go.
    for (auto next = found; next != names_.end() && !next->second.alias.empty() && count != 8;
         next = names_.find(next->second.alias), ++count) {
      put_record(records, owner, type_alias, encoded(next->second.alias));
      owner = encoded(next->second.alias);
    }
    for (const auto& each : type == type_a ? what.four : std::vector<std::string>()) {
      put_record(records, owner, type_a, binary(AF_INET, each));
      ++count;
    }
    for (const auto& each : type == type_aaaa ? what.six : std::vector<std::string>()) {
      put_record(records, owner, type_aaaa, binary(AF_INET6, each));
      ++count;
    }
    std::string answer = question.substr(0, 2);
    put(answer, static_cast<std::uint16_t>(0x8180U | what.failure));
    put(answer, 1);
    put(answer, count);
    put(answer, 0);
    put(answer, 0);
    answer += question.substr(12, at + 5 - 12);
    return answer + records;
  }

  const std::map<std::string, known_name> names_;
  int socket_ = -1;
  std::thread thread_;
};

}  // namespace buskin::test
