// A job of a process_pool, on both sides: a function, what it is given, and what comes back.
#pragma once

#include <buskin/io/detail/can_travel.hpp>
#include <buskin/io/detail/job_reader.hpp>
#include <buskin/io/detail/job_writer.hpp>
#include <buskin/runtime/runtime.hpp>
#include <buskin/runtime/task.hpp>

#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace buskin::io::detail {

// -- the worker's side --------------------------------------------------------------------------

/// One job as its function's code sees it, in the worker.
class job_call {
 public:
  virtual job_reader& arguments() noexcept = 0;
  /// Fills the long blocks of the arguments, which were all taken.
  virtual void receive_blocks() = 0;
  /// Sends the result.
  virtual void answer(const job_writer& result) = 0;

 protected:
  ~job_call() = default;
};

using job_code = void (*)(job_call&);

/// What finds the function again in another process of this program: where its code is, in which
/// file, and which version of that file it is. Throws std::invalid_argument for code that is in no
/// file.
std::string name_of_code(job_code code);
/// Throws std::runtime_error when there is no such file, or another version of it.
job_code code_of_name(const std::string& name);

/// What the compiler calls `Function` in the name of something that was made for it.
std::string function_named_in(const char* name);

/// How the runtime is that a task runs in, in a worker.
runtime_options options_in_worker();

// -- functions ----------------------------------------------------------------------------------

template <class T>
struct result_of_call {
  using type = T;
  static constexpr bool is_task = false;
};
template <class T>
struct result_of_call<task<T>> {
  using type = T;
  static constexpr bool is_task = true;
};

/// By value, or as what is not to be changed for the caller.
template <class P>
inline constexpr bool is_proper_parameter =
    !std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>;

template <class F>
struct job_shape {
  static constexpr bool is_function = false;
  static constexpr bool takes_values = true;
  static constexpr bool arguments_travel = true;
  static constexpr bool result_travels = true;
  using result = void;
  using arguments = std::tuple<>;
  template <class...>
  static constexpr bool takes = true;
};
template <class R, class... Ps>
struct job_shape<R (*)(Ps...)> {
  static constexpr bool is_function = true;
  static constexpr bool takes_values = (is_proper_parameter<Ps> && ...);
  static constexpr bool arguments_travel = (can_travel<std::remove_cvref_t<Ps>> && ...);
  static constexpr bool is_task = result_of_call<R>::is_task;
  using result = typename result_of_call<R>::type;
  static constexpr bool result_travels = std::is_void_v<result> || can_travel<result>;
  using arguments = std::tuple<std::remove_cvref_t<Ps>...>;
  template <class... Args>
  static constexpr bool takes = requires(Args&&... args) {
    requires sizeof...(Args) == sizeof...(Ps);
    requires(std::is_convertible_v<Args&&, std::remove_cvref_t<Ps>> && ...);
  };

  template <class F>
  static R call(F function, arguments& values) {
    return call(function, values, std::index_sequence_for<Ps...>());
  }

 private:
  template <class F, std::size_t... I>
  static R call(F function, arguments& values, std::index_sequence<I...>) {
    return function(static_cast<Ps&&>(std::get<I>(values))...);
  }
};
template <class R, class... Ps>
struct job_shape<R (*)(Ps...) noexcept> : job_shape<R (*)(Ps...)> {};

/// The code that a worker runs for `Function`.
template <auto Function>
void do_job(job_call& call) {
  using shape = job_shape<decltype(Function)>;
  typename shape::arguments values;
  std::apply([&](auto&... each) { (call.arguments().take(each), ...); }, values);
  call.arguments().finish();
  call.receive_blocks();
  job_writer out;
  const auto run = [&] {
    if constexpr (shape::is_task) {
      // Nothing of the job outlives it.
      runtime own(options_in_worker());
      return own.run(shape::call(Function, values));
    } else {
      return shape::call(Function, values);
    }
  };
  if constexpr (std::is_void_v<typename shape::result>) {
    run();
    call.answer(out);
  } else {
    typename shape::result result = run();
    out.add(result);
    call.answer(out);
  }
}

// -- the program's side -------------------------------------------------------------------------

class pool_job {
 public:
  virtual ~pool_job() = default;
  virtual const std::string& code() const noexcept = 0;
  /// The function's name, for people.
  virtual std::string title() const = 0;
  virtual const job_writer& arguments() const noexcept = 0;
  /// Where the result goes. What it refers to lives as long as this.
  virtual void take_result(job_reader& from) = 0;
};

template <auto Function>
class job_of final : public pool_job {
 public:
  using shape = job_shape<decltype(Function)>;
  using result = typename shape::result;

  explicit job_of(typename shape::arguments values) : values_(std::move(values)) {
    std::apply([this](auto&... each) { (out_.add(each), ...); }, values_);
  }

  const std::string& code() const noexcept override { return name(); }
  std::string title() const override {
    return function_named_in(std::source_location::current().function_name());
  }
  const job_writer& arguments() const noexcept override { return out_; }
  void take_result(job_reader& from) override {
    if constexpr (!std::is_void_v<result>) from.take(result_);
    from.finish();
  }
  result take() {
    if constexpr (!std::is_void_v<result>) return std::move(result_);
  }
  /// Found out once, and before the job is on its way.
  static const std::string& name() {
    static const std::string found = name_of_code(&do_job<Function>);
    return found;
  }

 private:
  typename shape::arguments values_;
  job_writer out_;  // refers to values_
  std::conditional_t<std::is_void_v<result>, std::monostate, result> result_{};
};

}  // namespace buskin::io::detail
