// A pool of two worker processes: a job goes there and its result comes back, one job at a time.
//
// The job returns its argument. What is measured is the whole round trip as the caller sees it: the
// argument is packed, sent and unpacked, the job runs in a worker that has run jobs before, and the
// result comes back the same way.
#include <support/comparison.hpp>
#include <support/peer_program.hpp>

#include <buskin/io/process_pool.hpp>
#include <buskin/runtime/runtime.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

/// A job and how much faster than Python's pool ours is to do it.
struct job {
  std::string name;
  std::string python;  // in peers/asyncio/peer.py
  std::size_t size;
  std::size_t operations;  // Python's: about a second
  double target;
};

const job small{"a job in a worker process, 64 bytes there and back", "small_job", 64, 2000, 3};
const job large{"a job in a worker process, 16 MB there and back", "large_job", 16 * 1024 * 1024,
                10, 2};

/// What a worker does.
std::string echo(std::string bytes) { return bytes; }

buskin::task<double> to_and_fro(std::size_t size, std::size_t operations) {
  const buskin::process_pool pool({.workers = 2});
  co_await pool.warm_up();
  const std::string bytes(size, 'x');
  double cost = 0;
  for (const auto count : {operations / 10 + 1, operations}) {  // the first to warm up
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i != count; ++i)
      if ((co_await pool.run<echo>(bytes)).size() != size)
        throw std::runtime_error("bytes were lost in a worker");
    cost = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began)
               .count() /
           static_cast<double>(count);
  }
  co_await pool.shutdown();
  co_return cost;
}

void add(bench::suite& all, const job& what) {
  std::vector<bench::contestant> peers;
  for (const std::string loop : {"asyncio", "uvloop"})
    if (const auto python = bench::peer_program::python(loop))
      peers.push_back(python->doing("ProcessPoolExecutor, " + loop, what.python, what.operations));
  all.add({what.name,
           {{"buskin::process_pool",
             [=] {
               buskin::runtime_options options;
               options.signals = buskin::signal_handling::none;
               buskin::runtime owner(options);
               return bench::sample{owner.run(to_and_fro(what.size, what.operations))};
             },
             {what.target}}},
           bench::in_microseconds(std::move(peers)),
           {{"", "us"}}});
}

}  // namespace

int main(int argc, char** argv) {
  buskin::process_pool::work_if_worker();
  bench::suite all("pool", argc, argv);
  add(all, small);
  add(all, large);
  return all.run();
}
