// Messages from another process: whatever comes, it is an error or a message that can be written
// and read again.
#include <buskin/io/detail/wire_reader.hpp>
#include <buskin/io/detail/wire_writer.hpp>

#include "fuzz/fuzz.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/proxy_registry.hpp>

#include <map>

namespace {

struct reading {
  std::string sensor;
  std::vector<double> values;
  std::map<std::string, std::uint16_t> counts;
  std::vector<bool> flags;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reading& x) {
  return f(caf::meta::type_name("reading"), x.sensor, x.values, x.counts, x.flags);
}

/// Handles lead to nobody.
class world final : public caf::execution_unit, private caf::proxy_registry::backend {
 public:
  world() : proxies_(system_, *this) {
    caf::execution_unit::system_ = &system_;
    proxy_registry_ptr(&proxies_);
  }
  void exec_later(caf::resumable*) override {}

 private:
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.max-threads", 1);
      add_message_type<reading>("reading");
    }
  };
  caf::strong_actor_ptr make_proxy(caf::node_id, caf::actor_id) override { return nullptr; }
  void set_last_hop(caf::node_id*) override {}

  config config_;
  caf::actor_system system_{config_};
  caf::proxy_registry proxies_;
};

std::string written(world& w, const caf::message& content) {
  std::string bytes;
  buskin::io::detail::wire_writer writer(w, bytes);
  buskin::fuzz::check(!writer.put_content(content), "what was read cannot be written");
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using buskin::io::detail::wire_reader;
  static world& w = *new world;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  wire_reader reader(w, bytes);
  caf::message content;
  if (reader.get_content(content)) return 0;
  const auto once = written(w, content);
  wire_reader again(w, once);
  caf::message same;
  buskin::fuzz::check(!again.get_content(same), "what was written cannot be read");
  buskin::fuzz::check(again.rest().empty(), "something is left of what was written");
  buskin::fuzz::check(written(w, same) == once, "it changes each time");
  return 0;
}
