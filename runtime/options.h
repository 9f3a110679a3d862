// Everything that GRADUS_… environment variables decide. One enum, one table (options.cpp), one
// struct; parsing is a pure function.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/device.h"
#include "runtime/error.h"
#include "runtime/log.h"

namespace gradus {

/// One environment variable each; option_table() documents them.
enum class Option : uint8_t {
  Threads,
  Device,
  VectorLanes,
  Disable,
  NanCheck,
  CacheDir,
  DiskCache,
  DiskCacheLimit,
  Log,
  Profile,
  Dump,
  DumpFunction,
  DumpFormat,
  DumpFile,
  Spin,
  MemoryLimit,
};

enum class DumpFormat : uint8_t { Text, Dot, Json };

struct Options {
  int threads = 0;  // 0: as many as there are physical cores for this process
  Device device;
  int vector_lanes = 0;              // 0: what the processor has; else 4, 8 or 16
  std::vector<std::string> disable;  // optimisations switched off, sorted, without duplicates
  bool nan_check = false;
  std::string cache_dir;  // empty: user_cache_folder()
  bool disk_cache = true;
  int64_t disk_cache_limit = int64_t{256} << 20;  // bytes
  LogLevel log = LogLevel::Warning;
  bool profile = false;
  std::vector<std::string> dump;  // stages, sorted, without duplicates
  std::string dump_function;      // empty: every function
  DumpFormat dump_format = DumpFormat::Text;
  std::string dump_file;  // empty: stderr
  int spin_microseconds = 200;
  int64_t memory_limit = 0;  // bytes; 0: what the system gives

  bool is_disabled(std::string_view optimisation) const;
  bool is_dumped(std::string_view stage) const;
  friend bool operator==(const Options&, const Options&) = default;
};

/// One row of the documentation.
struct OptionRow {
  Option option;
  std::string_view variable;       // "GRADUS_THREADS"
  std::string_view value;          // "N"
  std::string_view default_value;  // "physical cores"
  std::string_view help;
};

/// Every option, in the order of the enum.
std::span<const OptionRow> option_table();

/// The table as text for --help.
std::string options_help();

/// What an environment says; an empty value is the same as none. `errors` has one message for each
/// value that cannot be used (its option keeps the default), `unknown` the GRADUS_… names that no
/// option has.
struct ParsedOptions {
  Options options;
  std::vector<Message> errors;
  std::vector<std::string> unknown;
};
ParsedOptions parse_options(const std::map<std::string, std::string>& environment);

/// The options in force. The first call reads the environment; a value that cannot be used is a
/// ValueError, from that call and every later one. A name that no option has is a logged warning.
/// The reference is valid until a set_options or ScopedOptions changes them.
const Options& options();

/// A number that two moments share iff all options that change the generated code or its results'
/// form (device, threads, vector_lanes, disable, nan_check) are equal: part of the keys of caches.
int compilation_options_id();

/// Replaces the options of the process. Not while programs are running.
void set_options(Options replacement);

/// Replaces them while it lives; scopes nest. Not while other threads run programs.
class ScopedOptions {
 public:
  explicit ScopedOptions(Options replacement);
  ~ScopedOptions();
  ScopedOptions(const ScopedOptions&) = delete;
  ScopedOptions& operator=(const ScopedOptions&) = delete;

 private:
  Options previous_;
};

}  // namespace gradus
