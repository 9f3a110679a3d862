// The threads that walk a program together.
//
// One pool per process and one program on it at a time: a caller that finds it taken (another
// thread's program, or a program that calls one itself) runs alone on its own thread, which every
// program allows since its bits do not depend on the number of threads. Workers spin for the option
// spin_microseconds after a program and then sleep, so that the next program of a training loop
// starts in under a microsecond while an idle process costs nothing.
//
// A child process after fork() starts with no workers and makes its own. At exit the workers are
// joined if the pool is idle; programs run by later static destructors run alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace gradus {

/// A reference to a callable that outlives the call it is passed to.
template <class Signature>
class FunctionRef;

template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

/// All threads of a team meet here, any number of times. Everything that a thread wrote before it
/// arrived is visible to all of them afterwards.
class Barrier {
 public:
  /// Before a program: `threads` will meet; with `spin` they expect each other within microseconds,
  /// without it (more threads than processors) they give the processor up at once.
  void reset(int threads, bool spin);
  /// Waits for the others. Throws Poisoned if one of them has failed.
  void wait();
  /// A thread failed and will not arrive: all that wait, or will, throw Poisoned.
  void poison();

  struct Poisoned {};

 private:
  void wait_for_change(uint32_t phase);

  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  alignas(64) int threads_ = 1;
  int spins_ = 0;
};

/// What a thread knows of the threads it works with.
class Team {
 public:
  Team(int thread, int threads, Barrier* barrier)
      : thread_(thread), threads_(threads), barrier_(barrier) {}
  /// 0 … threads() − 1; 0 is the thread that called run().
  int thread() const { return thread_; }
  /// How many take part: 1 … the number asked for.
  int threads() const { return threads_; }
  /// All threads of the team must come here equally often.
  void barrier() const {
    if (threads_ > 1) barrier_->wait();
  }

 private:
  int thread_;
  int threads_;
  Barrier* barrier_;
};

class ThreadPool {
 public:
  static ThreadPool& instance();

  /// Calls `program` on `threads` threads at once, this one among them, or on this one alone if the
  /// pool is taken; returns when all have returned. If some threw, the exception of the lowest
  /// thread is thrown here once all are done; the others meet no barrier again.
  void run(int threads, FunctionRef<void(const Team&)> program);

  /// Threads that a program should ask for: the option threads, else the cores available.
  static int default_threads();

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  struct State;
  ThreadPool();
  ~ThreadPool() = delete;
  void run_on_team(int threads, FunctionRef<void(const Team&)> program);
  State* state_;
};

/// Shares of a static split: [begin, end) of `count` items for `thread` of `threads`. The shares
/// are contiguous, in order, and differ by at most one item.
struct Share {
  int64_t begin;
  int64_t end;
};
inline Share share_of(int64_t count, int thread, int threads) {
  int64_t base = count / threads;
  int64_t extra = count % threads;
  int64_t begin = base * thread + (thread < extra ? thread : extra);
  return {begin, begin + base + (thread < extra ? 1 : 0)};
}

}  // namespace gradus
