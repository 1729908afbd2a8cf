// A pool of two worker processes: a job goes there and its result comes back, one job at a time.
//
// The job returns its argument. What is measured is the whole round trip as the caller sees it: the
// argument is packed, sent and unpacked, the job runs in a worker that has run jobs before, and the
// result comes back the same way.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace {

/// A job and how much faster than Python's pool ours is to do it.
struct job {
  std::string name;
  std::string python;      // in peers/asyncio/peer.py
  std::size_t operations;  // Python's: about a second
  double target;
};

const job small{"a job in a worker process, 64 bytes there and back", "small_job", 2000, 3};
const job large{"a job in a worker process, 16 MB there and back", "large_job", 10, 2};

void add(bench::suite& all, const job& what) {
  std::vector<bench::contestant> peers;
  for (const std::string loop : {"asyncio", "uvloop"})
    if (const auto python = bench::peer_program::python(loop))
      peers.push_back(python->doing("ProcessPoolExecutor, " + loop, what.python, what.operations));
  all.add({what.name, {}, bench::in_microseconds(std::move(peers)), {{"", "us"}}});
}

}  // namespace

int main(int argc, char** argv) {
  bench::suite all("pool", argc, argv);
  add(all, small);
  add(all, large);
  return all.run();
}
