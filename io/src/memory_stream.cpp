#include <buskin/io/memory_stream.hpp>

#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <cstring>
#include <deque>
#include <stdexcept>

namespace buskin::io {

namespace detail {

namespace {

class memory_core;

/// One direction.
struct pipe {
  explicit pipe(std::size_t size) : capacity(size) {}
  const std::size_t capacity;
  std::deque<char> bytes;
  std::weak_ptr<memory_core> reader;
  std::weak_ptr<memory_core> writer;
  bool reader_waits = false;
  bool writer_waits = false;
  bool ended = false;   // no more will be written
  bool broken = false;  // nobody will read
};

class memory_core final : public stream_core {
 public:
  memory_core(worker& home, std::shared_ptr<pipe> in, std::shared_ptr<pipe> out)
      : stream_core(home), in_(std::move(in)), out_(std::move(out)) {}
  ~memory_core() override { end(); }

  std::string describe() const override { return "a memory stream"; }

  void can_read() { on_readable(); }
  void can_write() { on_writable(); }

 protected:
  transfer transport_read(char* target, std::size_t size) override {
    if (in_->bytes.empty()) {
      if (in_->ended) return {transfer::status::end, 0, {}};
      return {};
    }
    const std::size_t count = std::min(size, in_->bytes.size());
    const auto last = in_->bytes.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(in_->bytes.begin(), last, target);
    in_->bytes.erase(in_->bytes.begin(), last);
    news_for_writer(*in_);
    return {transfer::status::done, count, {}};
  }

  transfer transport_write(const char* bytes, std::size_t size) override {
    if (out_->broken)
      return {transfer::status::failed, 0, std::make_error_code(std::errc::broken_pipe)};
    const std::size_t count = std::min(size, out_->capacity - out_->bytes.size());
    if (count == 0 && size != 0) return {};
    out_->bytes.insert(out_->bytes.end(), bytes, bytes + count);
    news_for_reader(*out_);
    return {transfer::status::done, count, {}};
  }

  void watch_readable() override {
    in_->reader_waits = true;
    if (!in_->bytes.empty() || in_->ended) news_for_reader(*in_);
  }
  void watch_writable() override { out_->writer_waits = true; }
  void transport_end_of_writing() override {
    out_->ended = true;
    news_for_reader(*out_);
  }
  void transport_close() override { end(); }

 private:
  static void news_for_reader(pipe& p) {
    if (std::exchange(p.reader_waits, false)) tell(p.reader, &memory_core::can_read);
  }
  static void news_for_writer(pipe& p) {
    if (std::exchange(p.writer_waits, false)) tell(p.writer, &memory_core::can_write);
  }
  /// In a turn of its own: whoever is told may use the stream that tells.
  static void tell(const std::weak_ptr<memory_core>& whom, void (memory_core::*news)()) {
    if (const auto core = whom.lock())
      post_function(core->home(), [whom, news] {
        if (const auto told = whom.lock()) ((*told).*news)();
      });
  }

  void end() {
    if (!std::exchange(out_->ended, true)) news_for_reader(*out_);
    if (!std::exchange(in_->broken, true)) news_for_writer(*in_);
  }

  std::shared_ptr<pipe> in_;
  std::shared_ptr<pipe> out_;
};

}  // namespace

}  // namespace detail

std::pair<stream, stream> memory_stream(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a memory stream holds at least one byte");
  if (detail::here.worker == nullptr)
    throw invalid_state("memory_stream was called outside of a running buskin::runtime");
  auto& home = *detail::here.worker;
  auto there = std::make_shared<detail::pipe>(capacity);
  auto back = std::make_shared<detail::pipe>(capacity);
  auto a = std::make_shared<detail::memory_core>(home, back, there);
  auto b = std::make_shared<detail::memory_core>(home, there, back);
  there->writer = a;
  there->reader = b;
  back->writer = b;
  back->reader = a;
  return {stream(std::move(a)), stream(std::move(b))};
}

}  // namespace buskin::io
