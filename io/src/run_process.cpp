#include <buskin/io/run_process.hpp>

#include <buskin/runtime/errors.hpp>

#include <exception>
#include <string_view>
#include <utility>

namespace buskin::io {

namespace {

std::string_view last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto end_before = text.rfind('\n');
  return end_before == std::string_view::npos ? text : text.substr(end_before + 1);
}

std::string text_of(const std::string& who, const process_output& result) {
  std::string text = who;  // "process "grep" (pid 12), exited with 2"
  if (result.err && !last_line(*result.err).empty())
    text += ": " + std::string(last_line(*result.err));
  return text;
}

task<void> end(process which, std::function<task<void>(process)> stop) {
  std::exception_ptr error;
  try {
    if (stop) co_await stop(which);
  } catch (const cancelled&) {
    throw;  // the last handle ends it
  } catch (...) {
    error = std::current_exception();
  }
  if (!which.status()) co_await which.stop();
  if (error) std::rethrow_exception(error);
}

}  // namespace

process_failed::process_failed(const std::string& who, process_output result)
    : std::runtime_error(text_of(who, result)), output_(std::move(result)) {}

task<process_output> run_process(argument_vector argv, run_process_options options,
                                 std::source_location where) {
  if (options.input) options.start.in = redirect::pipe();
  const auto running = co_await exec(std::move(argv), std::move(options.start), where);
  std::exception_ptr interruption;
  process_output result;
  try {
    result =
        co_await running.communicate(std::move(options.input).value_or(""), options.limit, where);
  } catch (const cancelled&) {
    interruption = std::current_exception();
  }
  if (interruption) {
    co_await end(running, std::move(options.stop));
    std::rethrow_exception(interruption);
  }
  if (options.unsuccessful == run_process_options::failure::throws && !result.status.success())
    throw process_failed(running.describe(), std::move(result));
  co_return result;
}

}  // namespace buskin::io
