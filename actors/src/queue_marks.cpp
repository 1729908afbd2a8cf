#include <buskin/actors/detail/queue_marks.hpp>

#include <buskin/actors/detail/callback.hpp>

#include <stdexcept>
#include <utility>

namespace buskin::detail {

queue_marks::queue_marks(queue_options& options)
    : high_(options.high_water), low_(options.low_water) {
  if (high_ != 0 && low_ >= high_)
    throw std::invalid_argument("a queue's low_water has to be below its high_water");
  if (options.rendezvous && (options.capacity != 0 || high_ != 0))
    throw std::invalid_argument("a rendezvous queue has no room: no capacity, and no high_water");
  if (options.rendezvous && options.when_full == overflow::drop_oldest)
    throw std::invalid_argument("a rendezvous queue has no oldest item that it could drop");
  if (options.on_high_water)
    tell_ = std::make_shared<const function>(std::move(options.on_high_water));
}

void queue_marks::announce(lean_actor& queue, std::size_t items) const {
  if (!tell_) return;
  queue.post([tell = tell_, items](lean_actor& self) {
    call_reporting(self, "on_high_water", [&] { (*tell)(items); });
  });
}

}  // namespace buskin::detail
