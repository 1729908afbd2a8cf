// The message face of a stream.
//
// What always holds: bytes are read only for a request that waits, or for a subscriber's credit; a
// core has at most one such actor that has not ended.
#pragma once

#include "stream_user.hpp"

#include <buskin/io/stream.hpp>
#include <buskin/runtime/lean_ref.hpp>

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace buskin::io::detail {

class stream_actor final : public stream_user {
 public:
  stream_actor(caf::actor_config& config, std::shared_ptr<stream_core> core);
  ~stream_actor() override;

  /// The core's, made if there is none.
  static lean_ref<stream_actor> of(const std::shared_ptr<stream_core>& core);

  /// Makes `owner` the owner of the stream; `kept` is what keeps it open, if nothing else does.
  /// `until_subscribed`: who subscribes becomes the owner. In its turn.
  void adopt(stream kept, caf::strong_actor_ptr owner, bool until_subscribed);

  const char* name() const override { return "buskin.stream"; }

 protected:
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_exit_request(caf::exit_msg& request) override;
  void on_kill(caf::error reason) override;
  void on_end() noexcept override;

  transfer read_once() override;
  void on_end_of_stream() override;
  void on_read_failed(std::exception_ptr why) override;
  void on_less_unsent() override;
  void on_stream_closed() override;
  void on_broken(std::exception_ptr why) override;

 private:
  struct request {
    caf::strong_actor_ptr from;
    caf::message_id id;
    std::size_t most = 0;  // of a read
  };

  bool handle(caf::mailbox_element& element);
  bool handle_end(caf::mailbox_element& element);
  void write(caf::mailbox_element& element, const std::string& bytes);
  void read(caf::mailbox_element& element, std::uint64_t most);
  void subscribe(caf::mailbox_element& element, std::uint32_t credit);
  void give_credit(std::uint32_t credit);
  void own(caf::mailbox_element& element, const caf::actor& owner);
  void on_down(const caf::actor_addr& who);

  void read_as_needed();
  transfer deliver(std::string_view bytes);
  void use_up_credit();
  /// Answers what waits for more to be sent; with `error` if there is one.
  void answer_writes(const caf::error& error);
  void answer_reads(const caf::message& with);
  /// The stream is of no more use. Its owner, if any, ends it.
  void fail(const std::exception_ptr& why);
  void tell_end(const caf::strong_actor_ptr& whom);

  void take(caf::strong_actor_ptr& place, caf::strong_actor_ptr who);
  void leave(caf::strong_actor_ptr& place) noexcept;
  template <class... Values>
  void tell(const caf::strong_actor_ptr& whom, Values&&... values);

  stream kept_;
  caf::strong_actor_ptr owner_;
  caf::strong_actor_ptr subscriber_;
  std::uint64_t credit_ = 0;
  std::deque<request> reads_;
  std::vector<request> writes_;
  caf::error failure_;  // why it ends, unless that is normal
  bool owned_ = false;
  bool provisional_ = false;       // the owner is, until somebody subscribes
  bool passive_is_told_ = false;   // when this credit is used up
  bool subscriber_knows_ = false;  // of the end
  bool aborted_ = false;           // by message
};

}  // namespace buskin::io::detail
