// A tree: ten children each, down to leaves that are numbers; their sum comes back up.
//
// As actors, 100 000 leaves, against CAF's on CAF's scheduler with one thread and with two; as
// tasks that join their children, a million leaves, against goroutines that send into a channel.
// The inner nodes are 11 % more. The cost is that of a leaf. Ours run on a cooperative runtime.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>
#include <support/ping_pong.hpp>
#include <support/stage.hpp>

#include <buskin/actors/behavior_actor.hpp>
#include <buskin/actors/send.hpp>
#include <buskin/actors/task_handle.hpp>

#include <caf/event_based_actor.hpp>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using bench::finish_line;
using number = std::int64_t;

constexpr number actor_leaves = 100'000;
constexpr number task_leaves = 1'000'000;
constexpr int children = 10;

/// A node's part of the numbers, and where its sum goes: to the parent, or over the line.
struct place {
  caf::actor parent;
  finish_line* line;  // the root's
  number first;
  number size;

  place child(int i, caf::actor self) const {
    return {std::move(self), nullptr, first + i * (size / children), size / children};
  }
};

void check(number sum, number leaves) {
  if (sum != leaves * (leaves - 1) / 2) throw std::logic_error("the sum of the tree is wrong");
}

/// At the root.
void arrive(finish_line& line, number sum) {
  check(sum, actor_leaves);
  line.cross();
}

namespace lean {

class node final : public buskin::lean_actor {
 public:
  node(caf::actor_config& config, place here) : lean_actor(config), here_(std::move(here)) {}

 protected:
  void on_start() override {
    if (here_.size == 1) return yield_up(here_.first);
    const auto self = caf::actor_cast<caf::actor>(caf::strong_actor_ptr(ctrl()));
    for (int i = 0; i != children; ++i) buskin::spawn_actor<node>(system(), here_.child(i, self));
  }
  void on_message(caf::mailbox_element_ptr& element) override {
    sum_ += bench::number_in<number>(*element);
    if (--missing_ == 0) yield_up(sum_);
  }

 private:
  void yield_up(number sum) {
    if (here_.line != nullptr)
      arrive(*here_.line, sum);
    else
      buskin::send(here_.parent, sum);
    quit();
  }

  const place here_;
  number sum_ = 0;
  int missing_ = children;
};

}  // namespace lean

namespace peer {

class node final : public caf::event_based_actor {
 public:
  node(caf::actor_config& config, place here) : event_based_actor(config), here_(std::move(here)) {}
  caf::behavior make_behavior() override {
    if (here_.size == 1) {
      send(here_.parent, here_.first);
      return {};
    }
    const caf::actor self(this);
    for (int i = 0; i != children; ++i) spawn<node>(here_.child(i, self));
    return {[this](number part) {
      sum_ += part;
      if (--missing_ != 0) return;
      if (here_.line != nullptr)
        arrive(*here_.line, sum_);
      else
        send(here_.parent, sum_);
      quit();
    }};
  }

 private:
  const place here_;
  number sum_ = 0;
  int missing_ = children;
};

}  // namespace peer

template <class Node>
void actor_tree(caf::actor_system& system, finish_line& line) {
  bench::start<Node>(system, place{{}, &line, 0, actor_leaves});
}

buskin::task<number> task_node(number first, number size) {
  if (size == 1) co_return first;
  std::array<buskin::task_handle<number>, children> parts;
  for (int i = 0; i != children; ++i)
    parts[static_cast<std::size_t>(i)] =
        buskin::spawn(task_node(first + i * (size / children), size / children));
  number sum = 0;
  for (auto& part : parts) sum += co_await std::move(part);
  co_return sum;
}

buskin::task<void> task_root(finish_line& line) {
  check(co_await task_node(0, task_leaves), task_leaves);
  line.cross();
}

template <class Work>
bench::contestant ours(std::string name, Work work, double target) {
  return {std::move(name),
          [=] {
            return bench::sample{bench::on_buskin(
                actor_leaves,
                [&](buskin::runtime& owner, finish_line& line) { work(owner.system(), line); })};
          },
          {target}};
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("tree", argc, argv);

  bench::comparison actors{
      "a tree of 100 000 actors",
      {ours("lean_actor", actor_tree<lean::node>, 2),
       ours("CAF's event_based_actor on our scheduler", actor_tree<peer::node>, 1.2)},
      {}};
  for (const std::size_t threads : {1U, 2U})
    actors.peers.push_back(
        {"CAF, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"), [=] {
           return bench::sample{bench::on_caf(threads, actor_leaves, actor_tree<peer::node>)};
         }});
  all.add(std::move(actors));

  bench::comparison tasks{"a tree of 1 000 000 tasks",
                          {{"task",
                            [] {
                              return bench::sample{bench::on_buskin(
                                  task_leaves, [](buskin::runtime& owner, finish_line& line) {
                                    buskin::spawn(owner, task_root(line));
                                  })};
                            },
                            {0.8}}},
                          {}};
  bench::add_go(tasks.peers, "goroutines", "tree", task_leaves);
  all.add(std::move(tasks));

  return all.run();
}
