#include <buskin/actors/resource_pool.hpp>

#include <stdexcept>

namespace buskin::detail {

void refuse_closed_pool(const std::string& name) {
  throw invalid_state("the " + name +
                      " is closed and lends nothing any more; acquire before close, or make "
                      "another pool");
}

void check_pool(const std::string& name, std::size_t limit, bool can_open) {
  if (limit == 0)
    throw std::invalid_argument("the limit of the " + name + " is 0: nobody could ever acquire");
  if (!can_open)
    throw std::invalid_argument("the " + name + " was given no function that opens a resource");
}

std::string pool_text(const std::string& name, std::size_t in_use, std::size_t limit,
                      std::size_t idle, std::size_t waiters, bool closed) {
  std::string text = name + (closed ? ", closed, " : ", ") + std::to_string(in_use) + " of " +
                     std::to_string(limit) + " in use, " + std::to_string(idle) + " idle";
  if (waiters != 0) text += ", " + std::to_string(waiters) + (waiters == 1 ? " waits" : " wait");
  return text;
}

}  // namespace buskin::detail
