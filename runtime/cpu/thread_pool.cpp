#include "runtime/cpu/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/device.h"
#include "runtime/log.h"
#include "runtime/options.h"

namespace gradus {
namespace {

// The top bit of a phase says that the barrier is poisoned; phases below count meetings.
constexpr uint32_t kPoison = uint32_t{1} << 31;
// About 100 µs of pauses: longer than any imbalance of a well split phase.
constexpr int kBarrierSpins = 4000;
// Yields before a thread sleeps in the kernel: with more threads than processors somebody else
// has to run first, and it is seldom the thread that everybody waits for.
constexpr int kBarrierYields = 100;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Barrier::reset(int threads, bool spin) {
  threads_ = threads;
  spins_ = spin ? kBarrierSpins : 0;
  arrived_.store(0, std::memory_order_relaxed);
  phase_.store(0, std::memory_order_relaxed);
}

void Barrier::wait() {
  uint32_t phase = phase_.load(std::memory_order_acquire);
  if ((phase & kPoison) != 0) throw Poisoned{};
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    // A thread may poison the barrier at any time, so only an unpoisoned phase is advanced.
    uint32_t next = (phase + 1) & ~kPoison;
    if (!phase_.compare_exchange_strong(phase, next, std::memory_order_acq_rel)) throw Poisoned{};
    phase_.notify_all();
    return;
  }
  wait_for_change(phase);
}

void Barrier::wait_for_change(uint32_t phase) {
  auto has_changed = [&] {
    uint32_t now = phase_.load(std::memory_order_acquire);
    if (now == phase) return false;
    if ((now & kPoison) != 0) throw Poisoned{};
    return true;
  };
  for (int i = 0; i < spins_; ++i) {
    if (has_changed()) return;
    pause();
  }
  for (int i = 0; i < kBarrierYields; ++i) {
    if (has_changed()) return;
    sched_yield();
  }
  while (!has_changed())
    phase_.wait(phase, std::memory_order_acquire);
}

void Barrier::poison() {
  phase_.fetch_or(kPoison, std::memory_order_acq_rel);
  phase_.notify_all();
}

namespace {

using Program = FunctionRef<void(const Team&)>;

// One program as the workers see it; lives on the stack of run_on_team.
struct Job {
  Program program;
  int threads;
  Barrier* barrier;
  std::vector<std::exception_ptr>* failures;

  void run(int thread) const {
    try {
      program(Team(thread, threads, barrier));
    } catch (const Barrier::Poisoned&) {
      // Another thread failed; its exception is the one to report.
    } catch (...) {
      (*failures)[static_cast<size_t>(thread)] = std::current_exception();
      barrier->poison();
    }
  }
};

// What a worker's mailbox holds; `ticket` changes with each delivery.
struct alignas(64) Worker {
  std::atomic<uint32_t> ticket{0};
  const Job* job = nullptr;  // written before the ticket, read after it; null asks to end
  std::thread thread;
};

void wait_for_ticket(const std::atomic<uint32_t>& ticket, uint32_t seen, bool spin) {
  using Clock = std::chrono::steady_clock;
  auto bound = std::chrono::microseconds(spin ? options().spin_microseconds : 0);
  Clock::time_point begin = Clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (ticket.load(std::memory_order_acquire) != seen) return;
      pause();
    }
  } while (Clock::now() - begin < bound);
  ticket.wait(seen, std::memory_order_acquire);
}

}  // namespace

struct ThreadPool::State {
  alignas(64) std::atomic<bool> taken{false};
  alignas(64) std::atomic<int> running{0};  // workers that have not finished the current job
  alignas(64) Barrier barrier;
  std::deque<Worker> workers;  // thread i of a team is workers[i − 1]; only the owner of `taken`
                               // adds to them
  std::vector<std::exception_ptr> failures;
  int processors = available_processors();
  std::atomic<bool> spin{true};  // whether idle workers may occupy a processor
  bool closed = false;

  void work(Worker& self, int thread);
  int start_workers(int wanted);
  void wait_for_workers();
  void close();
};

void ThreadPool::State::work(Worker& self, int thread) {
  pthread_setname_np(pthread_self(), ("gradus-" + std::to_string(thread)).c_str());
  uint32_t seen = 0;
  while (true) {
    wait_for_ticket(self.ticket, seen, spin.load(std::memory_order_relaxed));
    if (self.ticket.load(std::memory_order_acquire) == seen) continue;
    seen = self.ticket.load(std::memory_order_acquire);
    const Job* job = self.job;
    if (job == nullptr) return;
    job->run(thread);
    // The job is gone as soon as the last worker is counted.
    if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) running.notify_one();
  }
}

// Returns how many workers there are, `wanted` at most.
int ThreadPool::State::start_workers(int wanted) {
  if (static_cast<int>(workers.size()) >= wanted) return wanted;
  // Signals of the process belong to the user's threads.
  sigset_t all;
  sigset_t previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  while (static_cast<int>(workers.size()) < wanted) {
    int thread = static_cast<int>(workers.size()) + 1;
    Worker& worker = workers.emplace_back();
    try {
      worker.thread = std::thread([this, &worker, thread] { work(worker, thread); });
    } catch (const std::system_error&) {
      workers.pop_back();
      write_log(LogLevel::Warning, "the system gives no more threads; programs run on fewer");
      break;
    }
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return static_cast<int>(workers.size());
}

void ThreadPool::State::wait_for_workers() {
  if (spin.load(std::memory_order_relaxed)) {
    for (int i = 0; i < kBarrierSpins; ++i) {
      if (running.load(std::memory_order_acquire) == 0) return;
      pause();
    }
  }
  while (int left = running.load(std::memory_order_acquire)) {
    running.wait(left, std::memory_order_acquire);
  }
}

// Ends the workers unless a program is running, as it may be this one that calls exit().
void ThreadPool::State::close() {
  if (taken.exchange(true, std::memory_order_acquire)) return;
  closed = true;
  for (Worker& worker : workers) {
    worker.job = nullptr;
    worker.ticket.fetch_add(1, std::memory_order_release);
    worker.ticket.notify_one();
  }
  for (Worker& worker : workers)
    worker.thread.join();
  workers.clear();
  taken.store(false, std::memory_order_release);
}

ThreadPool::ThreadPool() : state_(new State) {
  std::atexit([] { instance().state_->close(); });
  // The child has this thread only. Its copy of the old state is left alone, since the threads and
  // waits in it can neither be joined nor destroyed.
  pthread_atfork(nullptr, nullptr, [] { instance().state_ = new State; });
}

ThreadPool& ThreadPool::instance() {
  // Never destroyed: a program may run in the destructor of a static object.
  static ThreadPool& pool = *new ThreadPool;
  return pool;
}

int ThreadPool::default_threads() {
  static const int cores = available_cores();
  int asked = options().threads;
  return asked != 0 ? asked : cores;
}

void ThreadPool::run(int threads, Program program) {
  State& s = *state_;
  if (threads <= 1 || s.taken.exchange(true, std::memory_order_acquire)) {
    program(Team(0, 1, nullptr));
    return;
  }
  struct Release {
    State& state;
    ~Release() { state.taken.store(false, std::memory_order_release); }
  } release{s};
  run_on_team(threads, program);
}

void ThreadPool::run_on_team(int threads, Program program) {
  State& s = *state_;
  int helpers = s.closed ? 0 : s.start_workers(threads - 1);
  if (helpers == 0) {
    program(Team(0, 1, nullptr));
    return;
  }
  threads = helpers + 1;
  bool spin = threads <= s.processors;
  s.spin.store(spin, std::memory_order_relaxed);
  s.barrier.reset(threads, spin);
  s.failures.assign(static_cast<size_t>(threads), nullptr);
  s.running.store(helpers, std::memory_order_relaxed);
  Job job{program, threads, &s.barrier, &s.failures};
  for (int i = 0; i < helpers; ++i) {
    Worker& worker = s.workers[static_cast<size_t>(i)];
    worker.job = &job;
    worker.ticket.fetch_add(1, std::memory_order_release);
    worker.ticket.notify_one();
  }
  job.run(0);
  s.wait_for_workers();
  for (std::exception_ptr& failure : s.failures) {
    if (failure != nullptr) std::rethrow_exception(std::exchange(failure, nullptr));
  }
}

}  // namespace gradus
