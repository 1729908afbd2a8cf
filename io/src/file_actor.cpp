#include "file_actor.hpp"

#include <buskin/actors/detail/broker.hpp>
#include <buskin/io/file.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace buskin::io::detail {

namespace {

/// An operation that was asked for by a message.
class asked_job final : public job_state {
 public:
  using operation = std::function<caf::message(open_file&, const std::stop_token&)>;

  /// Without an asker for a message that is no request.
  asked_job(std::shared_ptr<file_line> line, operation work, std::optional<requester> asker)
      : job_state(std::source_location::current()),
        line_(std::move(line)),
        work_(std::move(work)),
        asker_(std::move(asker)) {}

 private:
  void call() override {
    auto answer = work_(line_->file(), {});
    if (asker_) asker_->answer(std::move(answer));
  }
  void failed(std::exception_ptr reason) noexcept override {
    if (asker_)
      asker_->answer(caf::make_message(to_error(reason)));
    else
      report_job_failure(origin_, reason, where());
  }
  void discard() noexcept override { work_ = nullptr; }

  const std::shared_ptr<file_line> line_;
  operation work_;
  std::optional<requester> asker_;
  const void* const origin_ = job_origin();
};

}  // namespace

file_actor::operation file_actor::operation_of(const caf::type_erased_tuple& content) {
  using stop = const std::stop_token&;
  const auto number = [&](std::size_t at) { return content.get_as<std::uint64_t>(at); };
  if (content.match_elements<file_read, std::uint64_t>())
    return [most = number(1)](open_file& f, stop s) { return caf::make_message(f.read(most, s)); };
  if (content.match_elements<file_read_at, std::uint64_t, std::uint64_t>())
    return [offset = number(1), most = number(2)](open_file& f, stop s) {
      return caf::make_message(f.read_at(offset, most, s));
    };
  if (content.match_elements<file_read_all>())
    return
        [](open_file& f, stop s) { return caf::make_message(f.read_all(file::default_limit, s)); };
  if (content.match_elements<file_write, std::string>())
    return [bytes = content.get_as<std::string>(1)](open_file& f, stop s) {
      f.write(bytes, s);
      return caf::message();
    };
  if (content.match_elements<file_write_at, std::uint64_t, std::string>())
    return [offset = number(1), bytes = content.get_as<std::string>(2)](open_file& f, stop) {
      f.write_at(offset, bytes);
      return caf::message();
    };
  if (content.match_elements<file_seek, std::uint64_t>())
    return [offset = number(1)](open_file& f, stop) {
      return caf::make_message(f.seek(static_cast<std::int64_t>(offset), SEEK_SET));
    };
  if (content.match_elements<file_truncate, std::uint64_t>())
    return [size = number(1)](open_file& f, stop) {
      f.truncate(size);
      return caf::message();
    };
  if (content.match_elements<file_sync>())
    return [](open_file& f, stop) {
      f.sync();
      return caf::message();
    };
  if (content.match_elements<file_size>())
    return [](open_file& f, stop) { return caf::make_message(f.status().size); };
  if (content.match_elements<file_close>())
    return [](open_file& f, stop) {
      f.close();
      return caf::message();
    };
  return nullptr;
}

void file_actor::on_message(caf::mailbox_element_ptr& element) {
  auto work = operation_of(element->content());
  if (!work) {
    refuse(*element);
    return;
  }
  std::optional<requester> asker;
  if (element->mid.is_request()) asker.emplace(*element);
  try {
    auto* asked = new asked_job(line_, std::move(work), asker);
    job wanted(*asked);
    asked->release();
    give_to(*line_, std::move(wanted));
  } catch (...) {
    // A job that the pool took tells by itself.
    if (asker)
      asker->answer(caf::make_message(to_error(std::current_exception())));
    else
      report_job_failure(job_origin(), std::current_exception(), std::source_location::current());
  }
}

}  // namespace buskin::io::detail
