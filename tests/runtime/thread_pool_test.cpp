#include "runtime/cpu/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/options.h"

using namespace gradus;

TEST_CASE("every thread of a team runs once", "[pool]") {
  int threads = GENERATE(1, 2, 3, 7);
  std::vector<int> visits(static_cast<size_t>(threads), 0);
  std::vector<std::thread::id> ids(static_cast<size_t>(threads));
  ThreadPool::instance().run(threads, [&](const Team& team) {
    if (team.threads() != threads) return;
    ++visits[static_cast<size_t>(team.thread())];
    ids[static_cast<size_t>(team.thread())] = std::this_thread::get_id();
  });
  REQUIRE(visits == std::vector<int>(static_cast<size_t>(threads), 1));
  REQUIRE(ids[0] == std::this_thread::get_id());
}

TEST_CASE("programs follow each other with changing team sizes", "[pool]") {
  std::atomic<int> total{0};
  int expected = 0;
  for (int i = 0; i < 300; ++i) {
    int threads = 1 + i % 4;
    expected += threads;
    ThreadPool::instance().run(threads, [&](const Team&) { ++total; });
  }
  REQUIRE(total == expected);
}

TEST_CASE("a barrier separates phases", "[pool]") {
  int threads = GENERATE(1, 2, 3, 7);
  constexpr int kPhases = 200;
  std::vector<int> cells(static_cast<size_t>(threads), 0);
  std::atomic<int> wrong{0};
  ThreadPool::instance().run(threads, [&](const Team& team) {
    for (int phase = 1; phase <= kPhases; ++phase) {
      cells[static_cast<size_t>(team.thread())] = phase;
      team.barrier();
      // Plain reads of what the others wrote: the barrier orders them.
      for (int cell : cells)
        wrong += cell != phase;
      team.barrier();
    }
  });
  REQUIRE(wrong == 0);
}

TEST_CASE("an unbalanced program with more threads than processors ends", "[pool]") {
  ThreadPool::instance().run(7, [&](const Team& team) {
    for (int i = 0; i < 20; ++i) {
      if (team.thread() == i % team.threads()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      team.barrier();
    }
  });
  SUCCEED();
}

TEST_CASE("an exception reaches the caller and frees those at the barrier", "[pool][errors]") {
  int threads = GENERATE(1, 2, 3, 7);
  int thrower = GENERATE(0, 1, 6);
  if (thrower >= threads) return;
  std::atomic<int> passed{0};
  auto program = [&](const Team& team) {
    team.barrier();
    if (team.thread() == thrower) throw std::runtime_error("from a thread");
    if (threads > 1) {
      team.barrier();
      ++passed;
    }
  };
  REQUIRE_THROWS_AS(ThreadPool::instance().run(threads, program), std::runtime_error);
  REQUIRE(passed == 0);
  // The pool is as good as new.
  std::atomic<int> total{0};
  ThreadPool::instance().run(threads, [&](const Team& team) {
    team.barrier();
    ++total;
    team.barrier();
  });
  REQUIRE(total == threads);
}

TEST_CASE("of several exceptions the lowest thread's is thrown", "[pool][errors]") {
  for (int i = 0; i < 20; ++i) {
    std::string text;
    try {
      ThreadPool::instance().run(3, [](const Team& team) {
        if (team.thread() > 0) throw std::runtime_error(std::to_string(team.thread()));
      });
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
    REQUIRE(text == "1");
  }
}

TEST_CASE("a program inside a program runs alone", "[pool]") {
  std::atomic<int> inner_threads{0};
  std::atomic<int> inner_runs{0};
  ThreadPool::instance().run(2, [&](const Team& outer) {
    if (outer.thread() != 0) return;
    ThreadPool::instance().run(2, [&](const Team& inner) {
      inner_threads = inner.threads();
      inner.barrier();
      ++inner_runs;
    });
  });
  REQUIRE(inner_threads == 1);
  REQUIRE(inner_runs == 1);
}

TEST_CASE("several callers at once all get their work done", "[pool][threads]") {
  std::vector<std::vector<int>> results(4, std::vector<int>(1000));
  {
    std::vector<std::jthread> callers;
    for (auto& result : results) {
      callers.emplace_back([&result] {
        for (int round = 0; round < 20; ++round) {
          ThreadPool::instance().run(2, [&](const Team& team) {
            Share share = share_of(1000, team.thread(), team.threads());
            for (int64_t i = share.begin; i < share.end; ++i)
              ++result[static_cast<size_t>(i)];
            team.barrier();
          });
        }
      });
    }
  }
  for (const auto& result : results)
    REQUIRE(result == std::vector<int>(1000, 20));
}

TEST_CASE("workers that sleep wake up", "[pool]") {
  Options o = options();
  o.spin_microseconds = 0;
  ScopedOptions scope(o);
  std::atomic<int> total{0};
  for (int i = 0; i < 10; ++i) {
    ThreadPool::instance().run(2, [&](const Team&) { ++total; });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  REQUIRE(total == 20);
}

TEST_CASE("shares cover everything once, in order, evenly", "[pool]") {
  for (int64_t count : {0, 1, 2, 6, 7, 8, 1000}) {
    for (int threads : {1, 2, 3, 7}) {
      int64_t next = 0;
      for (int t = 0; t < threads; ++t) {
        Share share = share_of(count, t, threads);
        REQUIRE(share.begin == next);
        int64_t size = share.end - share.begin;
        REQUIRE((size == count / threads || size == count / threads + 1));
        next = share.end;
      }
      REQUIRE(next == count);
    }
  }
}

TEST_CASE("the option threads decides the default", "[pool]") {
  Options o = options();
  o.threads = 5;
  ScopedOptions scope(o);
  REQUIRE(ThreadPool::default_threads() == 5);
}

#if !defined(__SANITIZE_THREAD__)  // ThreadSanitizer cannot follow threads across fork()
namespace {

// Runs a program on two threads when static objects are destroyed, after the pool was closed.
struct RunsAtExit {
  bool armed = false;
  ~RunsAtExit() {
    if (!armed) return;
    int visits = 0;
    ThreadPool::instance().run(2, [&](const Team& team) { visits += team.threads(); });
    if (visits != 1) _exit(3);
  }
};
RunsAtExit runs_at_exit;

int exit_code_of_child(void (*body)()) {
  std::fflush(nullptr);  // or the child writes what is buffered once more
  pid_t child = fork();
  if (child == 0) {
    body();
    std::exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("a forked child makes its own workers and exits cleanly", "[pool]") {
  ThreadPool::instance().run(2, [](const Team& team) { team.barrier(); });
  int code = exit_code_of_child([] {
    std::atomic<int> total{0};
    ThreadPool::instance().run(3, [&](const Team& team) {
      team.barrier();
      total += team.threads();
    });
    if (total != 9) _exit(2);
    runs_at_exit.armed = true;
  });
  REQUIRE(code == 0);
}

TEST_CASE("exit from inside a program does not hang", "[pool]") {
  int code = exit_code_of_child([] {
    ThreadPool::instance().run(2, [](const Team& team) {
      if (team.thread() == 0) std::exit(7);
    });
  });
  REQUIRE(code == 7);
}
#endif
