#include <buskin/runtime/detail/thread_name.hpp>

#include <pthread.h>

namespace buskin::detail {

void name_this_thread([[maybe_unused]] const std::string& name) noexcept {
#if defined(__linux__)
  char cut[16];  // the kernel's limit, with the zero at its end
  cut[name.copy(cut, sizeof cut - 1)] = '\0';
  ::pthread_setname_np(::pthread_self(), cut);
#endif
}

}  // namespace buskin::detail
