#include <buskin/io/memory_stream.hpp>

#include <buskin/io/byte_transport.hpp>
#include <buskin/runtime/detail/scheduler.hpp>
#include <buskin/runtime/errors.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <stdexcept>
#include <utility>

namespace buskin::io {

namespace {

class memory_end;

/// One direction.
struct pipe {
  explicit pipe(std::size_t size) : capacity(size) {}
  const std::size_t capacity;
  std::deque<char> bytes;
  memory_end* reader = nullptr;  // as long as it is not closed
  memory_end* writer = nullptr;
  bool ended = false;   // no more will be written
  bool broken = false;  // nobody will read
};

class memory_end final : public byte_transport {
 public:
  memory_end(std::shared_ptr<pipe> in, std::shared_ptr<pipe> out)
      : in_(std::move(in)), out_(std::move(out)) {
    in_->reader = this;
    out_->writer = this;
  }
  ~memory_end() override { close(); }

  transfer read_some(std::span<char> target) override {
    auto& bytes = in_->bytes;
    if (bytes.empty()) return in_->ended ? transfer::ended() : transfer::blocked();
    const std::size_t count = std::min(target.size(), bytes.size());
    const auto last = bytes.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(bytes.begin(), last, target.begin());
    bytes.erase(bytes.begin(), last);
    if (in_->writer != nullptr) in_->writer->writable();
    return transfer::moved(count);
  }

  transfer write_some(std::string_view bytes) override {
    if (out_->broken) return transfer::failure(std::make_error_code(std::errc::broken_pipe));
    const std::size_t count = std::min(bytes.size(), out_->capacity - out_->bytes.size());
    if (count == 0) return transfer::blocked();
    out_->bytes.insert(out_->bytes.end(), bytes.begin(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(count));
    if (out_->reader != nullptr) out_->reader->readable();
    return transfer::moved(count);
  }

  void end_of_writing() override {
    out_->ended = true;
    if (out_->reader != nullptr) out_->reader->readable();
  }

  void close() noexcept override {
    if (in_->reader != this) return;
    in_->reader = nullptr;
    out_->writer = nullptr;
    in_->broken = true;
    if (in_->writer != nullptr) in_->writer->writable();
    end_of_writing();
  }

  std::string describe() const override { return "a memory stream"; }

 private:
  const std::shared_ptr<pipe> in_;
  const std::shared_ptr<pipe> out_;
};

}  // namespace

std::pair<stream, stream> memory_stream(std::size_t capacity) {
  if (capacity == 0) throw std::invalid_argument("a memory stream holds at least one byte");
  if (detail::here.worker == nullptr)
    throw invalid_state("memory_stream was called outside of a running buskin::runtime");
  auto there = std::make_shared<pipe>(capacity);
  auto back = std::make_shared<pipe>(capacity);
  auto a = from_transport(std::make_unique<memory_end>(back, there));
  auto b = from_transport(std::make_unique<memory_end>(there, back));
  return {std::move(a), std::move(b)};
}

}  // namespace buskin::io
