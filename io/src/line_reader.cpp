#include <buskin/io/line_reader.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <stdexcept>
#include <utility>

namespace buskin::io::detail {

namespace {

constexpr char nothing = 0;

std::string_view without_return(std::string_view line) noexcept {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

// -- the source -------------------------------------------------------------------------------

line_source::line_source(std::shared_ptr<file_line> file, line_reader_options options)
    : file_(std::move(file)), options_(options), at_(&nothing), end_(&nothing) {
  if (options_.piece == 0) throw std::invalid_argument("lines are read in pieces above 0 bytes");
}

line_source::~line_source() { drop_ahead(); }

void line_source::drop_ahead() noexcept {
  for (auto* job : std::exchange(ahead_, {})) {
    job->give_up();
    job->release();
  }
}

std::uint64_t line_source::position() const noexcept {
  const std::uint64_t before =
      piece_.offset + (piece_.bytes ? static_cast<std::size_t>(at_ - piece_.bytes.get()) : 0);
  return handed_ ? before : before - joined_.size();
}

line_source::step line_source::hand_out(std::string_view line) {
  line_ = without_return(line);
  return line_.size() > options_.max_length ? step::overrun : step::line;
}

line_source::step line_source::advance() {
  if (std::exchange(handed_, false)) joined_.clear();
  plain_ = joined_.empty() && !skipping_;
  const auto rest = static_cast<std::size_t>(end_ - at_);
  const auto* found = static_cast<const char*>(std::memchr(at_, '\n', rest));
  if (skipping_) {
    at_ = found != nullptr ? found + 1 : end_;
    if (found == nullptr) return std::exchange(seen_end_, false) ? step::end : step::more;
    skipping_ = false;
    return advance();
  }
  const std::string_view piece(at_,
                               static_cast<std::size_t>((found != nullptr ? found : end_) - at_));
  if (found == nullptr) {
    joined_ += piece;
    at_ = end_;
    plain_ = joined_.empty();
    // One more may be the '\r' of its ending.
    if (joined_.size() > options_.max_length + 1) {
      joined_.clear();
      skipping_ = true;
      return step::overrun;
    }
    return std::exchange(seen_end_, false) ? at_the_end() : step::more;
  }
  at_ = found + 1;
  if (joined_.empty()) return hand_out(piece);
  joined_ += piece;
  handed_ = true;
  return hand_out(joined_);
}

line_source::step line_source::at_the_end() {
  if (joined_.empty() || options_.unfinished == unfinished_line::keep) return step::end;
  handed_ = true;
  return hand_out(joined_);
}

void line_source::throw_overrun() const {
  throw limit_overrun("a line of " + quoted(file_->file().path()) + " has more than the " +
                          std::to_string(options_.max_length) +
                          " bytes that are allowed; it is left out, and the next call goes on "
                          "behind it",
                      options_.max_length);
}

line_source::reading& line_source::ahead(const std::source_location& where) {
  if (ahead_.empty()) begin(where);
  return *ahead_.front();
}

void line_source::begin(const std::source_location& where) {
  auto room = std::make_shared<std::unique_ptr<char[]>>(
      spare_ ? std::move(spare_) : std::unique_ptr<char[]>(new char[options_.piece]));
  auto read = [room, size = options_.piece, from = next_offset_,
               counted = piece_.offset + piece_.size](open_file& file,
                                                      const std::stop_token& stop) {
    file_piece got{std::move(*room), 0, counted, false};
    if (file.seekable()) {
      got.offset = from ? *from : file.seek(0, SEEK_CUR);
      got.size = file.read_at(got.offset, got.bytes.get(), size, stop);
      got.last = got.size < size;
    } else {
      got.size = file.read(got.bytes.get(), size, stop);
      got.last = got.size == 0;
    }
    return got;
  };
  auto* made = new reading(file_, std::move(read), {}, where);
  try {
    give_to(*file_, job(*made));
    ahead_.push_back(made);
  } catch (...) {
    made->release();
    throw;
  }
  if (next_offset_) *next_offset_ += options_.piece;
}

void line_source::accept(const std::source_location& where) {
  auto* job = ahead_.front();
  ahead_.pop_front();
  const struct releasing {
    ~releasing() { job->release(); }
    reading* job;
  } at_the_end{job};
  const bool seekable = file_->file().seekable();
  try {
    auto got = job->take();
    spare_ = std::move(piece_.bytes);
    piece_ = std::move(got);
  } catch (...) {
    // The next call tries again from here.
    drop_ahead();
    if (next_offset_) next_offset_ = piece_.offset + piece_.size;
    throw;
  }
  at_ = piece_.bytes.get();
  end_ = at_ + piece_.size;
  seen_end_ = piece_.last;
  if (seen_end_) drop_ahead();  // the file may grow: the next piece begins right here
  if (seekable && ahead_.empty()) next_offset_ = piece_.offset + piece_.size;
  if (seen_end_) return;
  try {
    while (ahead_.size() < (seekable ? most_ahead : 1)) begin(where);
  } catch (const std::exception&) {
    // Whoever needs the piece is told.
  }
}

// -- the wait ---------------------------------------------------------------------------------

line_wait::~line_wait() {
  if (entered_) from_.in_use = false;
  stop_waiting();
}

void line_wait::stop_waiting() noexcept {
  if (auto* job = std::exchange(awaited_, nullptr)) job->stop_waiting();
  if (auto* held = std::exchange(holding_time_of_, nullptr)) held->owner().release_time();
}

bool line_wait::await_ready() {
  host_ = &stack_here("line_reader::next").host();
  if (from_.in_use)
    throw invalid_state("two tasks read lines with one line_reader at the same time");
  from_.in_use = entered_ = true;
  go_on();
  // Others have their turn, however fast the file is.
  if (done_) host_->again();
  return false;
}

bool line_wait::ready() noexcept {
  if (!done_ && awaited_ != nullptr && awaited_->settled()) go_on();
  return done_;
}

void line_wait::go_on() noexcept {
  try {
    look();
  } catch (...) {
    failure_ = std::current_exception();
    done_ = true;
  }
  if (done_) stop_waiting();
}

void line_wait::look() {
  for (;;) {
    if (awaited_ != nullptr) {
      stop_waiting();
      from_.accept(record().where);
    }
    switch (from_.advance()) {
      case line_source::step::line:
        found_ = done_ = true;
        return;
      case line_source::step::end:
        done_ = true;
        return;
      case line_source::step::overrun:
        from_.throw_overrun();
      case line_source::step::more:
        break;
    }
    awaited_ = &from_.ahead(record().where);
    holding_time_of_ = here.worker;
    here.worker->owner().hold_time();
    awaited_->wait_from(*host_);
    if (!awaited_->settled()) return;
  }
}

bool line_wait::withdraw() noexcept {
  if (done_) return false;
  // What is read meanwhile is the next call's.
  stop_waiting();
  return true;
}

std::optional<std::string_view> line_wait::await_resume() {
  if (!done_)
    if (auto reason = interruption()) std::rethrow_exception(reason);
  if (failure_) std::rethrow_exception(failure_);
  if (!found_) return std::nullopt;
  return from_.line();
}

}  // namespace buskin::io::detail
