#include <buskin/actors/detail/callback.hpp>

#include <buskin/runtime/errors.hpp>
#include <buskin/runtime/runtime.hpp>

#include <string>
#include <utility>

namespace buskin::detail {

void report_callback(lean_actor& self, const char* what, std::exception_ptr error) noexcept {
  std::string text = std::string("a callback (") + what + ") threw: " + describe(error);
  report_of(self.home_system(),
            {"BK003", std::move(text), std::move(error), self.title(), std::source_location{}});
}

}  // namespace buskin::detail
