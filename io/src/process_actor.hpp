// The actor that watches one process.
//
// What always holds: it is pinned to its worker, where its streams are; the child is reaped in one
// of its turns, under the lock that signals are sent under; it ends only when the child has ended,
// except when it is killed: then it kills.
#pragma once

#include <buskin/actors/detail/broker.hpp>
#include <buskin/actors/detail/exit_watch.hpp>
#include <buskin/io/detail/child_program.hpp>
#include <buskin/io/detail/output_core.hpp>
#include <buskin/io/process.hpp>

#include <asio/steady_timer.hpp>

#include <caf/actor_addr.hpp>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace buskin::io::detail {

class process_actor final : public broker, private readiness_member, public output_listener {
 public:
  process_actor(caf::actor_config& config, child_program child, std::string program,
                const process_options& options, const std::source_location& created);
  ~process_actor() override;

  // -- any thread -------------------------------------------------------------------------------
  int pid() const noexcept { return child_.pid; }
  std::string title() const override;
  std::optional<exit_status> status() const;
  /// 0 or an errno.
  int signal_child(int number) const;
  const stream& input() const noexcept { return in_; }
  /// 0 for output, 1 for errors. Empty where it leads elsewhere.
  const stream& output(std::size_t which) const noexcept { return outputs_[which]; }
  std::uint64_t lost() const;
  /// Empty, and `known` set, when it has ended.
  cell_ref<cell<exit_status>> wait_for(stack_host& host, std::uint64_t waiter,
                                       std::optional<exit_status>& known);
  void withdraw(cell<exit_status>& waiting);
  /// The handles have gone.
  void let_go();

  // -- in its turn ------------------------------------------------------------------------------
  void stop();

  // -- on its worker, also after its end ----------------------------------------------------------
  void collect(const cell_ref<cell<process_output>>& into, const std::string& input,
               std::size_t limit);
  void collecting_was_given_up(const cell<process_output>& into);

 protected:
  void on_start() override;
  void on_message(caf::mailbox_element_ptr& element) override;
  void on_exit_request(caf::exit_msg& request) override;
  void on_signal() override;
  void on_end() noexcept override;

 private:
  void on_readiness(readiness what) override;
  void on_collected() override;
  void on_output(output_core& from, std::string bytes) override;
  void on_new_reader(output_core& from) override;
  void on_output_end() override;

  void look();
  void ended(const exit_status& how);
  void finish_outputs();
  void finish_if_done();
  void answer_collector();
  void look_at_readers();
  void write_input(caf::mailbox_element& element, const std::string& bytes);
  void publish(const caf::message& what);
  void arm(asio::steady_timer& timer, std::chrono::milliseconds delay,
           void (process_actor::*then)());
  void kill_now();
  void end_rest() const noexcept;
  void forget_reader(std::size_t which) noexcept;
  bool outputs_ended() const noexcept;
  template <class F>
  void for_each_output(F visit) const {
    for (const auto& each : cores_)
      if (each) visit(*each);
  }

  child_program child_;
  const process_options options_;
  const std::string program_;
  const std::source_location created_;
  stream in_;
  std::shared_ptr<descriptor_core> input_core_;  // of in_
  std::array<stream, 2> outputs_;
  std::array<std::shared_ptr<output_core>, 2> cores_;  // of outputs_
  std::array<caf::actor_addr, 2> readers_;
  std::array<cell_ref<exit_watch::outcome>, 2> reader_ends_;

  std::optional<exit_status> status_;  // guarded by state_mutex_, written in its turn
  struct waiter : cell<exit_status> {
    waiter(stack_host& host, std::uint64_t who) : cell<exit_status>(&host), actor(who) {}
    const std::uint64_t actor;
  };
  waiting_line<cell<exit_status>> line_;    // guarded by state_mutex_
  std::vector<std::uint64_t> waiting_;      // the actors in line_; guarded by state_mutex_
  std::vector<caf::actor_addr> subscribers_;

  cell_ref<cell<process_output>> collector_;
  std::size_t collect_limit_ = 0;
  std::exception_ptr collect_failure_;
  bool complete_ = true;

  asio::steady_timer grace_;
  asio::steady_timer drain_;
  caf::error reason_;
  bool stopping_ = false;
  bool finishing_ = false;
};

}  // namespace buskin::io::detail
