// The actor behind a connection to another node: it reads frames and carries them out, writes what
// the others gave to the core, and notices when the peer falls silent.
#pragma once

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/actors/event.hpp>
#include <buskin/io/connection.hpp>
#include <buskin/io/detail/wire_reader.hpp>
#include <buskin/runtime/clock.hpp>

#include "peer_core.hpp"
#include "stream_user.hpp"

#include <caf/error.hpp>

#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace buskin::io::detail {

class peer_link final : public stream_user {
 public:
  peer_link(caf::actor_config& config, connection bytes, std::shared_ptr<peer_core> peer,
            duration silence);
  ~peer_link() override;

  const char* name() const override { return "buskin.peer"; }
  std::string title() const override { return "link to " + peer_->title(); }

  /// In its turn: tells the peer, and ends.
  void leave(const std::string& why);

 protected:
  void on_start() override;
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  void on_exit_request(caf::exit_msg& request) override;
  void on_end() noexcept override;

  transfer read_once() override;
  void on_end_of_stream() override;
  void on_read_failed(std::exception_ptr why) override { fail(describe(why)); }
  void on_less_unsent() override;
  void on_stream_closed() override;
  void on_broken(std::exception_ptr why) override { fail(describe(why)); }
  void on_other_news() override;

 private:
  void take_frames(std::string_view bytes);
  /// How many bytes of whole frames there were.
  std::size_t take_whole_frames(std::string_view bytes);
  void take(std::string_view frame);
  void take_message(wire_reader& in);
  void take_ended(wire_reader& in);
  void take_lookup(wire_reader& in);
  void take_found(wire_reader& in);
  void take_list(wire_reader& in);
  void take_names(wire_reader& in);
  void flush() noexcept;
  void look_at_the_clock();
  /// The connection is of no use any more.
  void fail(const std::string& why) noexcept;

  connection kept_;
  const std::shared_ptr<peer_core> peer_;
  const duration silence_;   // after which the peer is given up
  const duration interval_;  // between two looks at the clock
  std::string part_;         // of a frame whose rest is under way
  std::string leaving_;      // in `flush`; kept for its room
  buskin::detail::actor_timer beat_{*this};
  time_point heard_;
  time_point spoken_;
  time_point looked_;
  caf::error why_;
  bool suspect_ = false;
  bool left_ = false;
};

}  // namespace buskin::io::detail
