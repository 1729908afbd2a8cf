// A receiver of positions as a supervised device.
#pragma once

#include "hub.hpp"
#include "settings.hpp"

#include <buskin/buskin.hpp>

#include <memory>

namespace gateway {

/// Makes the device that `settings` describe and enters it in the hub. Its sentences and positions
/// go to the hub's subscribers.
void add_receiver(const std::shared_ptr<hub>& shared, const device_settings& settings);

/// Tells subscribers and the log of a device's changes of state, until it is cancelled or the
/// device is gone.
buskin::task<void> report_states(std::shared_ptr<hub> shared, std::shared_ptr<entry> whose,
                                 bool log);

}  // namespace gateway
