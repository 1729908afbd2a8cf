#include "protocol_actor.hpp"

#include <buskin/io/buffered_protocol.hpp>
#include <buskin/io/detail/stream_layer.hpp>
#include <buskin/io/protocol.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>
#include <buskin/runtime/runtime.hpp>

#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace buskin::io {

base_protocol::~base_protocol() = default;
void base_protocol::connection_made(transport) {}
void base_protocol::connection_lost(std::exception_ptr) {}

namespace detail {

namespace {

std::optional<io::address> known(const io::address& where) {
  return where.size() == 0 || where.family() == AF_UNSPEC ? std::nullopt : std::optional(where);
}

transport_info info_of(const stream_core& core) {
  transport_info about{.name = core.describe()};
  if (const int descriptor = core.descriptor(); descriptor >= 0) {
    about.local = known(io::address::local_of(descriptor));
    about.peer = known(io::address::peer_of(descriptor));
  }
  return about;
}

}  // namespace

protocol_actor::protocol_actor(caf::actor_config& config, stream bytes,
                               std::shared_ptr<base_protocol> receiver)
    : stream_user(config, core_of(bytes)),
      kept_(std::move(bytes)),
      protocol_(std::move(receiver)),
      info_(info_of(core())) {}

protocol_actor::~protocol_actor() = default;

transport protocol_actor::start(stream bytes, std::shared_ptr<base_protocol> receiver,
                                shutdown_phase phase) {
  if (!receiver) throw std::invalid_argument("a stream was attached to no protocol");
  auto& system = core_of(bytes)->home().system();
  const auto actor = make_lean<protocol_actor>(system, std::move(bytes), std::move(receiver));
  actor->track(phase);
  actor->launch_here();
  return transport(actor);
}

// -- calling back -------------------------------------------------------------------------------

void protocol_actor::report(const char* what) noexcept {
  const auto error = std::current_exception();
  incident news{.code = "BK023", .text = {}, .error = error, .who = {}, .where = {}};
  try {
    news.text = "a callback of the protocol of " + info_.name + " threw" + what;
    news.who = info_.name;
  } catch (const std::bad_alloc&) {
    // The exception itself is what there is memory for.
  }
  scheduler::of(home_system()).owner().report(news);
}

template <class F>
void protocol_actor::call(F callback) noexcept {
  // A callback may put another protocol in the place of its own.
  const auto receiver = protocol_;
  try {
    callback(*receiver);
  } catch (...) {
    report("; the connection was ended");
    end_with(std::current_exception());
  }
}

void protocol_actor::on_start() {
  stream_user::on_start();
  made_ = true;
  call([this](base_protocol& p) { p.connection_made(transport(lean_ref<protocol_actor>(this))); });
  if (closing_ || reading_paused_) return;
  try {
    start_reading();
  } catch (...) {
    end_with(std::current_exception());
  }
}

// -- receiving ----------------------------------------------------------------------------------

transfer protocol_actor::read_once() {
  transfer got;
  call([&](base_protocol& receiver) {
    got = receiver.kind_ == base_protocol::kind::plain
              ? receive(static_cast<protocol&>(receiver))
              : receive(static_cast<buffered_protocol&>(receiver));
  });
  return got;
}

transfer protocol_actor::receive(protocol& receiver) {
  const read_scratch scratch;
  const transfer got = read_into(scratch.bytes());
  if (got.what == transfer::status::done)
    receiver.data_received({scratch.bytes().data(), got.bytes});
  return got;
}

transfer protocol_actor::receive(buffered_protocol& receiver) {
  const auto target = receiver.get_buffer(read_scratch::size);
  if (target.empty())
    throw invalid_state("get_buffer of the protocol of " + info_.name +
                        " yielded an empty buffer; it has to have room for a byte at least");
  if (!is_reading()) return {};  // get_buffer closed or paused it
  const transfer got = read_into(target);
  if (got.what == transfer::status::done) receiver.buffer_updated(got.bytes);
  return got;
}

void protocol_actor::on_end_of_stream() {
  ended_by_peer_ = true;
  at_end then = at_end::close;
  call([&](base_protocol& p) { then = p.eof_received(); });
  if (then == at_end::close) close();
}

void protocol_actor::pause_reading() {
  if (!reading()) return;
  reading_paused_ = true;
  stop_reading();
}

void protocol_actor::resume_reading() {
  if (closing_ || !reading_paused_) return;
  if (made_ && !ended_by_peer_) start_reading();  // or it throws, and stays paused
  reading_paused_ = false;
}

// -- sending ------------------------------------------------------------------------------------

void protocol_actor::write(std::span<const std::string_view> pieces) {
  if (lost_ || core().closing()) return;
  if (core().write_ended())
    throw invalid_state("write was called after write_eof of " + info_.name);
  try {
    core().write(pieces);
  } catch (...) {
    end_with(std::current_exception());
    return;
  }
  check_mark();
}

void protocol_actor::write_eof() {
  if (!closing_) core().write_eof();
}

void protocol_actor::set_limits(std::size_t high, std::size_t low) {
  core().set_water_marks(low, high);
  if (!lost_) check_mark();
}

void protocol_actor::check_mark() {
  if (writing_paused_ || !made_ || !core().paused()) return;
  writing_paused_ = true;
  call([](base_protocol& p) { p.pause_writing(); });
}

void protocol_actor::on_less_unsent() {
  if (core().closing()) return;
  if (core().write_error()) {
    try {
      core().throw_closed("write to");
    } catch (...) {
      end_with(std::current_exception());
    }
    return;
  }
  if (writing_paused_ && !core().paused()) {
    writing_paused_ = false;
    call([](base_protocol& p) { p.resume_writing(); });
  }
  if (closing_ && core().unsent() == 0) core().close();
}

// -- ending -------------------------------------------------------------------------------------

void protocol_actor::close() {
  if (std::exchange(closing_, true)) return;
  stop_reading();
  if (core().unsent() == 0)
    core().close();
  else
    closing_alarm_.set(linger);
}

void protocol_actor::on_other_news() {
  if (!closing_alarm_.take() || core().closing()) return;
  end_with(std::make_exception_ptr(
      std::system_error(std::make_error_code(std::errc::timed_out),
                        info_.name + " was closed, and did not take what was unsent")));
}

void protocol_actor::abort() {
  if (lost_) return;
  closing_ = true;
  aborted_ = true;
  stop_reading();
  core().abort();
}

void protocol_actor::end_with(std::exception_ptr why) noexcept {
  if (!failure_) failure_ = std::move(why);
  closing_ = true;
  stop_reading();
  core().abort();
}

void protocol_actor::on_stream_closed() {
  if (!failure_ && !aborted_ && core().write_error()) {
    try {
      core().throw_closed("go on with");
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  quit(failure_ ? to_error(failure_) : caf::error());
  lose(failure_);
}

void protocol_actor::lose(std::exception_ptr why) noexcept {
  if (std::exchange(lost_, true)) return;
  closing_ = true;
  closing_alarm_.clear();
  if (made_) {
    try {
      protocol_->connection_lost(std::move(why));
    } catch (...) {
      report(" from connection_lost");
    }
  }
  protocol_ = nullptr;
}

void protocol_actor::on_exit_request(caf::exit_msg& request) {
  if (request.reason) close();
}

void protocol_actor::on_kill(caf::error reason) {
  end_with(to_exception(reason));
  quit(std::move(reason));
}

void protocol_actor::on_end() noexcept {
  core().abort();  // before the handle, which would close it
  lose(failure_);
  kept_ = {};
  stream_user::on_end();
}

void protocol_actor::set_protocol(std::shared_ptr<base_protocol> receiver) {
  if (!lost_) protocol_ = std::move(receiver);
}

std::optional<tls_session> protocol_actor::tls() const {
  const auto* layer = lost_ ? nullptr : core().layer();
  return layer != nullptr ? layer->session() : std::nullopt;
}

}  // namespace detail

}  // namespace buskin::io
