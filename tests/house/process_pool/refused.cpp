// What does not compile, and says why: what a process_pool cannot take to another process.
#include <buskin/io/process_pool.hpp>

#include <caf/actor.hpp>

#include <string_view>
#include <vector>

struct with_actor {
  caf::actor who;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, with_actor& x) {
    return f(x.who);
  }
};

int takes_pointer(int*);
int takes_views(std::vector<std::string_view>);
std::string_view gives_view(int);
void changes(int&);
void takes_actor(with_actor);
void takes_number(int);

void use(const buskin::process_pool& pool) {
#if WRONG == 1
  pool.run<takes_pointer>(nullptr);
#elif WRONG == 2
  pool.run<takes_views>(std::vector<std::string_view>());
#elif WRONG == 3
  pool.run<gives_view>(1);
#elif WRONG == 4
  pool.run<changes>(1);
#elif WRONG == 5
  pool.run<takes_actor>(with_actor());
#elif WRONG == 6
  pool.run<takes_number>("1");
#elif WRONG == 7
  pool.run<7>();
#else
  (void)pool.run<takes_number>(1);
#endif
}
