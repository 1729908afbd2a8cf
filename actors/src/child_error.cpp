#include <buskin/actors/child_error.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/failure.hpp>

namespace buskin {

child_error::child_error(code why, std::string child, std::string text, std::exception_ptr cause,
                         caf::actor actor)
    : std::runtime_error(cause ? text + ": " + describe(cause) : text),
      why_(why),
      child_(std::move(child)),
      text_(std::move(text)),
      cause_(std::move(cause)),
      actor_(std::move(actor)) {}

std::vector<std::string> reason_chain(const caf::error& reason) {
  std::vector<std::string> chain;
  if (!reason) return chain;
  auto next = to_exception(reason);
  while (next) {
    try {
      std::rethrow_exception(next);
    } catch (const child_error& e) {
      chain.push_back(e.text());
      next = e.cause();
    } catch (...) {
      // The error's own words where there are some: "user_shutdown" becomes an exception only here.
      chain.push_back(chain.empty() ? describe(reason) : describe(next));
      next = nullptr;
    }
  }
  return chain;
}

}  // namespace buskin
