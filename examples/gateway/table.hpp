// What the terminal shows: a live table, or plain lines where it is none; and the summary at the
// end.
#pragma once

#include "hub.hpp"

#include <buskin/buskin.hpp>

#include <memory>
#include <string>

namespace gateway {

/// Redraws the table twice a second (or prints a line a device every 5 s) until it is cancelled.
buskin::task<void> show_table(std::shared_ptr<hub> shared, bool live);

/// The books of all devices; the last line says whether they balance.
std::string summary(const hub& shared);

}  // namespace gateway
