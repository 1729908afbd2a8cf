// gateway: every receiver a supervised actor, every subscriber a TCP client that gets JSON lines.
#include "demo.hpp"
#include "hub.hpp"
#include "receiver.hpp"
#include "settings.hpp"
#include "subscriber.hpp"
#include "table.hpp"

#include <buskin/buskin.hpp>

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

namespace {

using namespace std::chrono_literals;
using buskin::task;

/// A serial port that is not there is an error at the start, unless it was said that it may come
/// later.
void check_ports(const gateway::settings& given) {
  for (const auto& device : given.devices)
    if (!device.path.empty() && !given.wait_for_devices && !std::filesystem::exists(device.path))
      throw std::runtime_error("device " + device.name + ": there is no " + device.path +
                               "; plug it in, correct the path, or start with --wait");
}

/// The part that ends with Ctrl-C or with the time: everything happens in the other actors
/// meanwhile.
task<void> wait_for_the_end(std::optional<std::chrono::milliseconds> length) {
  try {
    if (length)
      co_await buskin::sleep(*length);
    else
      for (;;) co_await buskin::sleep(24h);
  } catch (const buskin::cancelled&) {
    // Ctrl-C is how a gateway ends; the summary follows.
  }
}

/// Waits until the last client has been sent everything, for a while.
task<void> let_clients_finish(std::shared_ptr<gateway::hub> hub) {
  for (int i = 0; i != 40 && hub->subscribers != 0; ++i) co_await buskin::sleep(50ms);
}

task<int> run_gateway(gateway::settings given) {
  auto hub = std::make_shared<gateway::hub>();
  std::optional<gateway::device_folder> folder;  // of the demo's devices
  std::vector<buskin::child_spec> children;
  std::vector<buskin::task_handle<void>> helpers;

  std::vector<gateway::simulated> simulated;
  if (given.demo) {
    auto sentences = gateway::read_recording(GATEWAY_RECORDINGS "/ais-harbour.nmea");
    auto ais = co_await buskin::io::serve(
        "127.0.0.1:0",
        [sentences, seed = given.seed](buskin::io::connection c) mutable {
          return gateway::play_to_client(sentences, ++seed, c);
        },
        {.name = "simulated AIS receiver"});
    simulated = gateway::simulated_receivers(given, folder.emplace(), ais.port());
    for (std::size_t i = 0; i + 1 < simulated.size(); ++i) {
      gateway::read_recording(simulated[i].recording);  // a missing one is found now
      helpers.push_back(buskin::spawn(gateway::play_on_port(simulated[i], given.seed + i),
                                      {"simulated " + simulated[i].device.name}));
    }
    co_await buskin::sleep(50ms);  // the receivers are plugged in
    for (const auto& each : simulated) given.devices.push_back(each.device);
  } else {
    check_ports(given);
  }

  const bool live = !given.plain && ::isatty(STDOUT_FILENO) != 0;
  for (const auto& device : given.devices) gateway::add_receiver(hub, device);
  for (const auto& entry : hub->entries()) {
    helpers.push_back(buskin::spawn(gateway::report_states(hub, entry, !live),
                                    {"states of " + entry->device.name()}));
    children.push_back(entry->device.spec());
  }
  auto server = co_await buskin::io::serve(
      given.serve, [hub](buskin::io::connection c) { return gateway::serve_client(hub, c); },
      {.name = "gateway"});
  std::cout << "gateway: serving " << given.devices.size() << " devices at "
            << server.local().to_string() << std::endl;
  auto counted = std::make_shared<gateway::counted>();
  buskin::task_handle<void> subscriber;
  if (given.demo)
    subscriber = buskin::spawn(gateway::subscribe_and_count(server.local().to_string(), counted),
                               {"demo subscriber"});

  co_await buskin::yield();  // the helpers subscribe before the devices begin
  buskin::supervisor devices(
      std::move(children),
      {.name = "devices", .intensity = buskin::supervisor_options::unlimited, .seed = given.seed});
  helpers.push_back(buskin::spawn(gateway::show_table(hub, live), {"table"}));

  co_await wait_for_the_end(given.run_for);

  server.close();
  const auto end = buskin::monitor(devices.actor());
  devices.stop();
  co_await end;
  for (auto& helper : helpers) helper.cancel();
  hub->close();
  co_await let_clients_finish(hub);
  std::cout << gateway::summary(*hub);
  if (given.demo)
    std::cout << "demo subscriber: " << counted->lines << " lines, " << counted->positions
              << " positions\nthe last one: " << counted->last_position << std::endl;
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = gateway::parse_command_line(argc, argv);
  if (!parsed.settings) return parsed.status;
  try {
    const unsigned workers = parsed.settings->workers;
    return buskin::run(run_gateway(std::move(*parsed.settings)),
                       {.workers = workers, .name = "gateway"});
  } catch (const std::exception& error) {
    std::cerr << "gateway: " << error.what() << '\n';
    return 1;
  }
}
