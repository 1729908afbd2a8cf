#include <buskin/actors/with.hpp>

#include <buskin/runtime/errors.hpp>

namespace buskin::detail {

void rethrow_with_exit(const std::exception_ptr& body, const std::exception_ptr& exit) {
  if (!body) std::rethrow_exception(exit);
  try {
    std::rethrow_exception(body);
  } catch (const cancelled&) {
    std::rethrow_exception(exit);
  } catch (...) {
    throw exception_group("a body and its exit failed", {body, exit});
  }
}

}  // namespace buskin::detail
