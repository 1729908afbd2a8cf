// Counts how many of its kind are alive: what a frame or a message held is seen to be destroyed.
#pragma once

namespace buskin::test {

class instance {
 public:
  explicit instance(int& count) : count_(&count) { ++*count_; }
  instance(const instance& other) : count_(other.count_) { ++*count_; }
  instance& operator=(const instance&) = delete;
  ~instance() { --*count_; }

 private:
  int* count_;
};

}  // namespace buskin::test
