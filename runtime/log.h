// Levelled messages of the library to a person: whole lines on stderr, or to a sink.
//
// A message that is off costs one relaxed load and a branch; its arguments are not evaluated.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string_view>

namespace gradus {

enum class LogLevel : int { Off, Error, Warning, Info, Debug, Trace };

/// "off", "error", "warning", "info", "debug", "trace".
std::string_view name_of(LogLevel level);
std::optional<LogLevel> log_level_named(std::string_view name);

namespace detail {
// Above every level until the options are read, so that the first message asks for them.
inline std::atomic<int> log_threshold{1000};
bool log_enabled_slow(LogLevel level);
}  // namespace detail

/// Whether messages of this level are written (option GRADUS_LOG).
inline bool log_enabled(LogLevel level) {
  if (static_cast<int>(level) > detail::log_threshold.load(std::memory_order_relaxed)) return false;
  return detail::log_enabled_slow(level);
}

/// Messages above `level` are dropped from here on.
void set_log_level(LogLevel level);

/// Writes one message if its level is on. Any thread; lines never mix. Never throws.
void write_log(LogLevel level, std::string_view message) noexcept;

using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Sends messages to `sink` instead of stderr while it lives; scopes nest. Calls are serialised,
/// and a message logged by the sink itself goes to stderr.
class ScopedLogSink {
 public:
  explicit ScopedLogSink(LogSink sink);
  ~ScopedLogSink();
  ScopedLogSink(const ScopedLogSink&) = delete;
  ScopedLogSink& operator=(const ScopedLogSink&) = delete;

 private:
  LogSink previous_;
};

/// GRADUS_LOG(Info, "{} compiled in {:.1f} ms", name, ms): fmt's format string. The including
/// source file includes <fmt/format.h>, so that this header need not.
#define GRADUS_LOG(level, ...)                                                    \
  do {                                                                            \
    if (::gradus::log_enabled(::gradus::LogLevel::level))                         \
      ::gradus::write_log(::gradus::LogLevel::level, ::fmt::format(__VA_ARGS__)); \
  } while (0)

}  // namespace gradus
