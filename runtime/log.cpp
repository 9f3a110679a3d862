#include "runtime/log.h"

#include <unistd.h>

#include <array>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/options.h"

namespace gradus {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"off",  "error", "warning",
                                                    "info", "debug", "trace"};

struct SinkState {
  std::recursive_mutex mutex;
  LogSink sink;
  bool inside_sink = false;
};

// Never destroyed: destructors of other static objects may still log.
SinkState& sink_state() {
  static SinkState& state = *new SinkState;
  return state;
}

void write_to_stderr(LogLevel level, std::string_view message) {
  std::string line;
  line.reserve(message.size() + 24);
  line.append("gradus: ").append(name_of(level)).append(": ").append(message).push_back('\n');
  // One write per line keeps the lines of several threads and processes whole.
  std::string_view rest = line;
  while (!rest.empty()) {
    ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (n <= 0) return;
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string_view name_of(LogLevel level) {
  return kNames[static_cast<size_t>(level)];
}

std::optional<LogLevel> log_level_named(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

bool detail::log_enabled_slow(LogLevel level) {
  constexpr int kHighest = static_cast<int>(LogLevel::Trace);
  if (log_threshold.load(std::memory_order_relaxed) > kHighest) {
    try {
      options();  // installs the level
    } catch (...) {
      // Whoever reads the options gets that error; a message must not throw it.
      set_log_level(Options{}.log);
    }
  }
  return static_cast<int>(level) <= log_threshold.load(std::memory_order_relaxed);
}

void set_log_level(LogLevel level) {
  detail::log_threshold.store(static_cast<int>(level), std::memory_order_relaxed);
}

void write_log(LogLevel level, std::string_view message) noexcept {
  try {
    if (!log_enabled(level)) return;
    SinkState& state = sink_state();
    std::lock_guard lock(state.mutex);
    if (!state.sink || state.inside_sink) {
      write_to_stderr(level, message);
      return;
    }
    state.inside_sink = true;
    try {
      state.sink(level, message);
    } catch (...) {
      write_to_stderr(level, message);
    }
    state.inside_sink = false;
  } catch (...) {
    // Out of memory while composing a message: there is nobody to tell.
  }
}

ScopedLogSink::ScopedLogSink(LogSink sink) {
  std::lock_guard lock(sink_state().mutex);
  previous_ = std::exchange(sink_state().sink, std::move(sink));
}

ScopedLogSink::~ScopedLogSink() {
  std::lock_guard lock(sink_state().mutex);
  sink_state().sink = std::move(previous_);
}

}  // namespace gradus
