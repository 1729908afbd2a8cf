// Whether this program can have workers.
#pragma once

namespace buskin::io::detail {

/// Its main function called process_pool::work_if_worker().
bool work_if_worker_was_called() noexcept;

}  // namespace buskin::io::detail
