// A connection whose bytes go to a protocol.
//
// What always holds: connection_made was called before anything else and connection_lost after
// everything else, once each; nothing is called after it.
#pragma once

#include "stream_user.hpp"

#include <buskin/actors/detail/actor_timer.hpp>
#include <buskin/io/base_protocol.hpp>
#include <buskin/io/stream.hpp>
#include <buskin/io/transport.hpp>

#include <exception>
#include <memory>
#include <span>
#include <string_view>

namespace buskin::io::detail {

class protocol_actor final : public stream_user {
 public:
  protocol_actor(caf::actor_config& config, stream bytes, std::shared_ptr<base_protocol> receiver);
  ~protocol_actor() override;

  /// `phase`: of its end in the runtime's shutdown.
  static transport start(stream bytes, std::shared_ptr<base_protocol> receiver,
                         shutdown_phase phase);

  const char* name() const override { return "buskin.protocol"; }

  // -- of the transport, on the worker ------------------------------------------------------------
  void write(std::span<const std::string_view> pieces);
  void write_eof();
  void set_limits(std::size_t high, std::size_t low);
  write_buffer_limits limits() const noexcept { return {core().high_water(), core().low_water()}; }
  std::size_t unsent() const { return lost_ ? 0 : core().unsent(); }
  void pause_reading();
  void resume_reading();
  bool reading() const noexcept { return !closing_ && !reading_paused_; }
  void close();
  void abort();
  bool closing() const noexcept { return closing_; }
  void set_protocol(std::shared_ptr<base_protocol> receiver);
  const std::shared_ptr<base_protocol>& current_protocol() const noexcept { return protocol_; }
  int descriptor() const { return lost_ ? -1 : core().descriptor(); }
  std::optional<tls_session> tls() const;

  const transport_info& info() const noexcept { return info_; }

  /// The connection is over because of this.
  void end_with(std::exception_ptr why) noexcept;

 protected:
  void on_start() override;
  void on_message(caf::mailbox_element_ptr& element) override { refuse(*element); }
  void on_exit_request(caf::exit_msg& request) override;
  void on_kill(caf::error reason) override;
  void on_end() noexcept override;

  transfer read_once() override;
  void on_end_of_stream() override;
  void on_read_failed(std::exception_ptr why) override { end_with(std::move(why)); }
  void on_less_unsent() override;
  void on_stream_closed() override;
  void on_broken(std::exception_ptr why) override { end_with(std::move(why)); }
  void on_other_news() override;

 private:
  static constexpr auto linger = std::chrono::seconds(5);

  /// Calls back; what is thrown ends the connection.
  template <class F>
  void call(F callback) noexcept;
  transfer receive(protocol& receiver);
  transfer receive(buffered_protocol& receiver);
  void check_mark();
  void lose(std::exception_ptr why) noexcept;
  void report(const char* what) noexcept;

  stream kept_;
  std::shared_ptr<base_protocol> protocol_;
  const transport_info info_;
  std::exception_ptr failure_;
  buskin::detail::actor_timer closing_alarm_{*this};
  bool made_ = false;
  bool closing_ = false;
  bool aborted_ = false;
  bool ended_by_peer_ = false;
  bool reading_paused_ = false;
  bool writing_paused_ = false;
  bool lost_ = false;
};

}  // namespace buskin::io::detail
