#include <buskin/runtime/await_tree.hpp>

#include "runtime_impl.hpp"

#include <algorithm>
#include <unordered_map>

namespace buskin {

await_tree runtime::capture_await_tree() {
  await_tree tree;
  std::vector<std::vector<std::uint64_t>> awaits;
  std::unordered_map<std::uint64_t, std::size_t> nodes;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> holders;  // of locks
  impl_->scheduler().for_each_alive([&](caf::abstract_actor& actor) {
    const auto index = tree.nodes.size();
    std::vector<std::uint64_t> locks;
    tree.nodes.push_back({detail::status_of(actor, &awaits.emplace_back(), &locks), {}, {}});
    nodes.emplace(actor.id(), index);
    for (const auto lock : locks) holders[lock].push_back(index);
  });
  tree.at = now();
  for (std::size_t from = 0; from != tree.nodes.size(); ++from) {
    auto& targets = tree.nodes[from].awaits;
    for (const auto id : awaits[from]) {
      if (const auto node = nodes.find(id); node != nodes.end()) targets.push_back(node->second);
      if (const auto held = holders.find(id); held != holders.end())
        targets.insert(targets.end(), held->second.begin(), held->second.end());
    }
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    for (const auto to : targets) tree.nodes[to].awaited_by.push_back(from);
  }
  return tree;
}

const await_tree::node* await_tree::find(const std::string& name) const noexcept {
  for (const auto& each : nodes) {
    const std::string& full = each.status.name;
    if (full == name || full == "task \"" + name + "\"") return &each;
  }
  return nullptr;
}

namespace {

/// Tarjan's strongly connected components, with a stack of our own: chains of tasks may be long.
class component_search {
 public:
  explicit component_search(const await_tree& tree) : tree_(tree), places_(tree.nodes.size()) {
    for (std::size_t node = 0; node != tree.nodes.size(); ++node)
      if (places_[node].number == 0) search(node);
  }
  std::vector<std::vector<std::size_t>> found;

 private:
  struct place {
    std::size_t number = 0;  // 0: not seen
    std::size_t low = 0;
    bool open = false;
  };
  struct step {
    std::size_t node;
    std::size_t next;  // edge
  };

  void enter(std::size_t node) {
    places_[node] = {++count_, count_, true};
    open_.push_back(node);
    path_.push_back({node, 0});
  }

  void search(std::size_t root) {
    enter(root);
    while (!path_.empty()) {
      auto& [node, next] = path_.back();
      const auto& edges = tree_.nodes[node].awaits;
      if (next != edges.size()) {
        const auto to = edges[next++];
        if (places_[to].number == 0)
          enter(to);
        else if (places_[to].open)
          places_[node].low = std::min(places_[node].low, places_[to].number);
        continue;
      }
      const auto done = node;
      path_.pop_back();
      if (!path_.empty()) {
        auto& low = places_[path_.back().node].low;
        low = std::min(low, places_[done].low);
      }
      if (places_[done].low == places_[done].number) close(done);
    }
  }

  void close(std::size_t head) {
    std::vector<std::size_t> members;
    std::size_t node = 0;
    do {
      node = open_.back();
      open_.pop_back();
      places_[node].open = false;
      members.push_back(node);
    } while (node != head);
    const auto& own = tree_.nodes[head].awaits;
    if (members.size() == 1 && !std::binary_search(own.begin(), own.end(), head)) return;
    std::sort(members.begin(), members.end());
    found.push_back(std::move(members));
  }

  const await_tree& tree_;
  std::vector<place> places_;
  std::vector<std::size_t> open_;
  std::vector<step> path_;
  std::size_t count_ = 0;
};

/// Prints a tree, deeper ones with a stack of our own.
class printer {
 public:
  explicit printer(const await_tree& tree) : tree_(tree), told_(tree.nodes.size()) {}

  void from(std::size_t root) {
    push(root, "", "");
    while (!todo_.empty()) {
      auto line = std::move(todo_.back());
      todo_.pop_back();
      print(line);
    }
  }
  bool told(std::size_t node) const { return told_[node]; }
  std::string text;

 private:
  struct line {
    std::size_t node;
    std::string lead;   // in front of its own line
    std::string below;  // in front of the lines of those it awaits
  };

  void push(std::size_t node, std::string lead, std::string below) {
    todo_.push_back({node, std::move(lead), std::move(below)});
  }

  void print(const line& at) {
    const auto& node = tree_.nodes[at.node];
    if (told_[at.node]) {
      text += at.lead + node.status.name + " (" + std::to_string(node.status.id) + "): see above\n";
      return;
    }
    told_[at.node] = true;
    text += at.lead + to_string(node.status, tree_.at) + "\n";
    for (std::size_t i = node.awaits.size(); i-- != 0;) {
      const bool last = i + 1 == node.awaits.size();
      push(node.awaits[i], at.below + (last ? "└── " : "├── "),
           at.below + (last ? "    " : "│   "));
    }
  }

  const await_tree& tree_;
  std::vector<bool> told_;
  std::vector<line> todo_;
};

}  // namespace

std::vector<std::vector<std::size_t>> await_tree::cycles() const {
  return std::move(component_search(*this).found);
}

std::string to_string(const await_tree& tree) {
  printer out(tree);
  for (const auto& cycle : tree.cycles()) {
    out.text += "these wait for each other, for ever:";
    const char* separator = " ";
    for (const auto node : cycle) {
      out.text += separator + tree.nodes[node].status.name;
      separator = ", ";
    }
    out.text += "\n";
  }
  for (std::size_t node = 0; node != tree.nodes.size(); ++node)
    if (tree.nodes[node].awaited_by.empty()) out.from(node);
  // Whoever is left is in a circle, or awaited from one.
  for (std::size_t node = 0; node != tree.nodes.size(); ++node)
    if (!out.told(node)) out.from(node);
  return std::move(out.text);
}

}  // namespace buskin
