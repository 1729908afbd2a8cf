// The books of a round. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stress {

/// Faults that were found.
class complaints {
 public:
  void add(std::string what) {
    std::lock_guard guard(mutex_);
    if (all_.size() < 20) all_.push_back(std::move(what));
  }
  std::vector<std::string> take() {
    std::lock_guard guard(mutex_);
    return std::exchange(all_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> all_;  // guarded by mutex_
};

/// At most so many may be inside at a time.
class room {
 public:
  room(std::string name, int limit, complaints& to)
      : name_(std::move(name)), limit_(limit), complaints_(to) {}

  class visit {
   public:
    explicit visit(room& where) : room_(where) {
      if (room_.inside_.fetch_add(1) >= room_.limit_)
        room_.complaints_.add("too many hold the " + room_.name_);
    }
    ~visit() { room_.inside_.fetch_sub(1); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;

   private:
    room& room_;
  };

 private:
  const std::string name_;
  const int limit_;
  complaints& complaints_;
  std::atomic<int> inside_{0};
};

/// What became of every item: none is lost, none comes twice. One whose sender was killed in the
/// middle may have gone either way.
class ledger {
 public:
  ledger(std::string name, complaints& to) : name_(std::move(name)), complaints_(to) {}

  std::uint64_t begin() {
    std::lock_guard guard(mutex_);
    open_.insert(next_);
    return next_++;
  }
  void accepted(std::uint64_t item) { settle(item, accepted_); }
  void refused(std::uint64_t item) { settle(item, refused_); }
  void got(std::uint64_t item) {
    std::lock_guard guard(mutex_);
    if (!got_.insert(item).second) complain(item, "came twice");
  }
  /// When nobody is left and nothing in it.
  void close() {
    std::lock_guard guard(mutex_);
    for (const auto item : accepted_)
      if (!got_.contains(item)) complain(item, "was lost");
    for (const auto item : refused_)
      if (got_.contains(item)) complain(item, "came though it was refused");
    for (const auto item : got_)
      if (item >= next_) complain(item, "was never sent");
  }
  std::uint64_t items() {
    std::lock_guard guard(mutex_);
    return got_.size();
  }

 private:
  void settle(std::uint64_t item, std::set<std::uint64_t>& as) {
    std::lock_guard guard(mutex_);
    open_.erase(item);
    as.insert(item);
  }
  void complain(std::uint64_t item, const char* what) {
    complaints_.add("item " + std::to_string(item) + " of the " + name_ + " " + what);
  }

  const std::string name_;
  complaints& complaints_;
  std::mutex mutex_;
  // All guarded by mutex_.
  std::set<std::uint64_t> open_, accepted_, refused_, got_;
  std::uint64_t next_ = 0;
};

}  // namespace stress
