// Protocols that keep a journal of what they are told, and do what a test asks of them.
#pragma once

#include <buskin/actors/monitor.hpp>
#include <buskin/io/buffered_protocol.hpp>
#include <buskin/io/protocol.hpp>
#include <buskin/runtime/sleep.hpp>

#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace buskin::test {

using strings = std::vector<std::string>;

inline std::string text_of(const std::exception_ptr& error) {
  if (!error) return "none";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

/// Keeps a journal of its callbacks, and does what it is told in them.
struct scripted : io::protocol {
  void connection_made(io::transport t) override {
    link = t;
    notes.push_back("made");
    if (on_made) on_made();
  }
  void data_received(std::string_view bytes) override {
    received += bytes;
    notes.push_back("data " + std::string(bytes.substr(0, 20)));
    if (on_data) on_data(bytes);
  }
  io::at_end eof_received() override {
    notes.push_back("eof");
    return then;
  }
  void connection_lost(std::exception_ptr error) override {
    notes.push_back("lost " + text_of(error));
    why = error;
    if (on_lost) on_lost();
  }
  void pause_writing() override { notes.push_back("pause"); }
  void resume_writing() override {
    notes.push_back("resume");
    if (on_resume) on_resume();
  }
  bool lost() const { return !notes.empty() && notes.back().starts_with("lost"); }

  io::transport link;
  strings notes;
  std::string received;
  io::at_end then = io::at_end::close;
  std::exception_ptr why;
  std::function<void()> on_made;
  std::function<void(std::string_view)> on_data;
  std::function<void()> on_lost;
  std::function<void()> on_resume;
};

/// The same with a buffer of its own.
struct scripted_buffer : io::buffered_protocol {
  explicit scripted_buffer(std::size_t size) : buffer(size, '\0') {}
  void connection_made(io::transport t) override { link = t; }
  std::span<char> get_buffer(std::size_t) override { return buffer; }
  void buffer_updated(std::size_t count) override {
    ++updates;
    received.append(buffer, 0, count);
  }
  void connection_lost(std::exception_ptr error) override {
    ++losses;
    why = error;
  }
  io::transport link;
  std::string buffer;
  std::string received;
  std::exception_ptr why;
  int updates = 0;
  int losses = 0;
};

/// Until the connection's actor has ended.
inline task<void> ended(io::transport link) {
  const auto end = monitor(link.actor());
  co_await end;
}

inline task<void> some_turns() {
  for (int i = 0; i != 20; ++i) co_await yield();
}

}  // namespace buskin::test
