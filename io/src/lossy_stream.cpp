// What always holds: the damage to a byte depends on the seed and on its place only; what was read
// below is either kept back (arrived_), or for the reader (released_). News from below are wanted
// only after a read there that found nothing: until somebody reads here, one piece of news will do.
#include <buskin/io/lossy_stream.hpp>

#include <buskin/io/byte_transport.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/detail/timer_queue.hpp>
#include <buskin/runtime/errors.hpp>

#include "stream_user.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io {

namespace {

using namespace detail;

constexpr std::size_t most_kept = 64 * 1024;

/// The same numbers everywhere, which the distributions of the library do not promise.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}
  /// 0 to 1, without the latter.
  double roll() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  bool falls(double chance) { return roll() < chance; }

 private:
  std::mt19937_64 engine_;
};

class lossy_transport final : public byte_transport,
                              private stream_reader,
                              private stream_observer,
                              private timer {
 public:
  lossy_transport(stream below, const lossy_options& options)
      : timer(&on_fire),
        options_(options),
        below_(std::move(below)),
        core_(core_of(below_)),
        damage_(options.seed),
        cuts_(options.seed + 1),
        delays_(options.seed + 2) {
    core_->set_reader(*this);
    listening_ = true;
    core_->add_observer(*this);
  }
  ~lossy_transport() override { leave(); }

  transfer read_some(std::span<char> target) override {
    take_what_arrived();
    if (released_.empty())
      return last_.what == transfer::status::done ? transfer::blocked() : last_;
    std::size_t count = std::min(target.size(), released_.size());
    if (cuts_.falls(options_.split)) count = 1;
    std::copy_n(released_.begin(), count, target.begin());
    released_.erase(0, count);
    return transfer::moved(count);
  }

  transfer write_some(std::string_view bytes) override {
    const std::size_t most = std::max<std::size_t>(core_->high_water(), 1);
    if (core_->unsent() >= most) return transfer::blocked();
    bytes = bytes.substr(0, most - core_->unsent());
    try {
      core_->write(bytes);
    } catch (const std::system_error& error) {
      return transfer::failure(error.code());
    }
    return transfer::moved(bytes.size());
  }

  void end_of_writing() override { core_->write_eof(); }
  void close() noexcept override {
    leave();
    below_ = {};
    core_->close();
  }
  std::string describe() const override { return "lossy " + core_->describe(); }
  int descriptor() const noexcept override { return core_->descriptor(); }

 private:
  void on_read_news() override {
    stop_listening();
    readable();
  }
  void on_sent() override { writable(); }
  void on_closed() override {
    readable();
    writable();
  }

  static void on_fire(timer& t) noexcept {
    auto& self = static_cast<lossy_transport&>(t);
    self.due_.store(true, std::memory_order_release);
    self.readable();
  }

  void leave() noexcept {
    disarm();
    if (!std::exchange(there_, false)) return;
    stop_listening();
    core_->remove_observer(*this);
  }

  void listen() {
    if (listening_) return;
    if (core_->has_reader()) {
      last_ = transfer::failure(std::make_error_code(std::errc::device_or_resource_busy));
      return;
    }
    listening_ = true;  // first: a stream that is being closed has news at once
    core_->set_reader(*this);
  }
  void stop_listening() noexcept {
    if (std::exchange(listening_, false)) core_->forget_reader(*this);
  }

  transfer read_below(std::span<char> target) {
    if (const auto buffered = core_->buffered(); !buffered.empty()) {
      const std::size_t count = std::min(buffered.size(), target.size());
      std::copy_n(buffered.begin(), count, target.begin());
      core_->consume(count);
      return transfer::moved(count);
    }
    return core_->read_into(target.data(), target.size());
  }

  void take_what_arrived() {
    const bool none = arrived_.empty();
    while (last_.what == transfer::status::done && arrived_.size() + released_.size() < most_kept) {
      const read_scratch landing;
      const auto scratch = landing.bytes().first(most_kept - arrived_.size() - released_.size());
      const transfer got = read_below(scratch);
      if (got.what == transfer::status::would_block) {
        listen();
        break;
      }
      if (got.what != transfer::status::done) last_ = got;
      for (const char each : scratch.first(got.bytes)) damage(each);
    }
    if (none && !arrived_.empty()) keep_back();
    const bool over = last_.what != transfer::status::done ||
                      due_.exchange(false, std::memory_order_acquire) || !armed();
    if (!over && !is_enough()) return;
    disarm();
    released_ += std::exchange(arrived_, {});
  }

  bool is_enough() const noexcept {
    return options_.merge != 0 && arrived_.size() >= std::min(options_.merge, most_kept);
  }

  /// The same rolls for every byte, whatever becomes of it.
  void damage(char byte) {
    const bool lost = damage_.falls(options_.drop);
    const bool turned = damage_.falls(options_.flip);
    const auto bit = static_cast<unsigned>(damage_.roll() * 8);
    if (lost) return;
    arrived_ += turned ? static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit)) : byte;
  }

  /// Until when, from now on.
  void keep_back() {
    due_.store(false, std::memory_order_relaxed);
    duration length{};
    if (options_.merge > 1)
      length = options_.patience;
    else if (options_.delay > duration::zero())
      length = duration(
          static_cast<duration::rep>(static_cast<double>(options_.delay.count()) * delays_.roll()));
    if (length <= duration::zero()) return;
    auto& home = core_->home();
    home.timers().arm(*this, after(home.look(), length));
  }

  const lossy_options options_;
  stream below_;
  const std::shared_ptr<stream_core> core_;
  dice damage_;
  dice cuts_;
  dice delays_;
  std::string arrived_;
  std::string released_;
  transfer last_ = transfer::moved(0);  // of the reads below: done, until it is an end or a failure
  std::atomic<bool> due_{false};        // partner: the timer, which fires under another's lock
  bool there_ = true;
  bool listening_ = false;  // it is the reader below
};

bool is_chance(double value) { return value >= 0 && value <= 1; }

}  // namespace

stream lossy_stream(stream below, lossy_options options) {
  if (!is_chance(options.drop) || !is_chance(options.flip) || !is_chance(options.split))
    throw std::invalid_argument("the chances of a lossy_stream are from 0 to 1");
  if (options.merge > most_kept)
    throw std::invalid_argument("a lossy_stream merges 64 KiB at most, not " +
                                std::to_string(options.merge) + " bytes");
  if (here.worker != &core_of(below)->home())
    throw invalid_state("a lossy_stream has to be made on the worker of " + below.describe());
  return from_transport(std::make_unique<lossy_transport>(std::move(below), options));
}

}  // namespace buskin::io
