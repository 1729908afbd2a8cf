// What a node knows: what it publishes, and to whom it is connected. Any thread.
#pragma once

#include <buskin/actors/lock.hpp>
#include <buskin/io/detail/offer.hpp>
#include <buskin/io/node_options.hpp>
#include <buskin/io/serve.hpp>

#include "peer_core.hpp"

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace buskin::io::detail {

class node_core final : public std::enable_shared_from_this<node_core> {
 public:
  node_core(caf::actor_system& system, node_options options);

  caf::actor_system& system() const noexcept { return system_; }
  const node_options& options() const noexcept { return options_; }
  hello greeting() const;

  // -- names ------------------------------------------------------------------------------------
  void publish(const std::string& name, const caf::actor& actor);
  bool unpublish(const std::string& name);
  caf::strong_actor_ptr published(const std::string& name) const;
  std::vector<std::string> published() const;

  void add_offer(const std::string& name, offer made);
  std::shared_ptr<const offer> offered(const std::string& name) const;

  /// Handles of this process can come home from now on; as often as it is called, `recall` is to
  /// be. CAF's registry, where they are looked up, keeps the actor alive meanwhile.
  void let_go(const caf::strong_actor_ptr& actor);
  void recall(caf::actor_id number);

  // -- peers ------------------------------------------------------------------------------------
  void add(const std::shared_ptr<peer_core>& peer);
  void remove(const peer_core& peer);
  std::shared_ptr<peer_core> peer_at(const caf::node_id& node) const;
  std::vector<std::shared_ptr<peer_core>> peers() const;

  /// A message for `peer` could not be sent: whoever asked is answered, else it is reported.
  void message_failed(const peer_core& peer, caf::mailbox_element& element,
                      const caf::error& error) const;
  void report(const char* code, const std::string& text) const;
  /// Somebody was not let in. Reported once in a minute.
  void report_refusal(const std::string& why);

  /// Of those that go to the same place: one at a time connects, and what it made is the others'.
  struct way {
    lock connecting;
    std::weak_ptr<peer_core> made{};  // while `connecting` is held
  };
  std::shared_ptr<way> way_to(const std::string& where, const std::string& expected);

  // -- the end ----------------------------------------------------------------------------------
  /// Whose end is the node's, and the other way round.
  void set_actor(const lean_ref<lean_actor>& made);
  void set_server(const server& made);
  std::optional<server> its_server() const;
  /// No more are accepted or connected to; all leave.
  void close();
  bool closed() const;

 private:
  caf::actor_system& system_;
  const node_options options_;

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::map<std::string, caf::strong_actor_ptr> published_;
  std::map<std::string, std::shared_ptr<const offer>> offers_;
  std::map<caf::actor_id, std::size_t> abroad_;
  std::vector<std::shared_ptr<peer_core>> peers_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<way>> ways_;
  lean_ref<lean_actor> actor_;
  std::optional<server> server_;
  std::optional<time_point> last_refusal_;
  std::uint64_t refusals_ = 0;  // that were not reported
  bool closed_ = false;
};

}  // namespace buskin::io::detail
