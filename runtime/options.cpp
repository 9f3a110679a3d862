#include "runtime/options.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "runtime/profile.h"

namespace gradus {
namespace {

// A parser stores the value and returns true, or returns false if the text is no such value.
using Parser = bool (*)(std::string_view text, Options& o);

template <class T>
bool parse_integer(std::string_view text, T low, T high, T& out) {
  T value{};
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return false;
  if (value < low || value > high) return false;
  out = value;
  return true;
}

bool parse_switch(std::string_view text, bool& out) {
  if (text == "1" || text == "on") return out = true, true;
  if (text == "0" || text == "off") return out = false, true;
  return false;
}

// Bytes, with an optional binary suffix K, M, G or T.
bool parse_bytes(std::string_view text, int64_t& out) {
  constexpr std::string_view kSuffixes = "KMGT";
  int shift = 0;
  if (!text.empty()) {
    if (size_t i = kSuffixes.find(text.back()); i != std::string_view::npos) {
      shift = 10 * static_cast<int>(i + 1);
      text.remove_suffix(1);
    }
  }
  int64_t value = 0;
  if (!parse_integer<int64_t>(text, 0, INT64_MAX >> shift, value)) return false;
  out = value << shift;
  return true;
}

// Names between commas, sorted and unique so that equal sets compare equal.
bool parse_names(std::string_view text, std::vector<std::string>& out) {
  std::vector<std::string> names;
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    if (comma == 0) return false;
    names.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  out = std::move(names);
  return true;
}

bool parse_format(std::string_view text, DumpFormat& out) {
  constexpr std::pair<std::string_view, DumpFormat> kFormats[] = {
      {"text", DumpFormat::Text}, {"dot", DumpFormat::Dot}, {"json", DumpFormat::Json}};
  for (auto [name, format] : kFormats) {
    if (name == text) return out = format, true;
  }
  return false;
}

struct Row {
  OptionRow doc;
  std::string_view expected;
  Parser parse;
};

constexpr int kMaxThreads = 1024;

constexpr Row kRows[] = {
    {{Option::Threads, "GRADUS_THREADS", "N", "physical cores",
      "threads of a program, the calling one included"},
     "a number from 1 to 1024",
     [](std::string_view t, Options& o) { return parse_integer(t, 1, kMaxThreads, o.threads); }},
    {{Option::Device, "GRADUS_DEVICE", "cpu|cuda|cuda:N", "cpu",
      "where programs run; a device that is absent is an error"},
     "cpu, cuda or cuda:N",
     [](std::string_view t, Options& o) {
       try {
         o.device = parse_device(t);
       } catch (const ValueError&) {
         return false;
       }
       return true;
     }},
    {{Option::VectorLanes, "GRADUS_VECTOR_LANES", "4|8|16", "the processor's",
      "32-bit lanes of the generated vector code"},
     "4, 8 or 16",
     [](std::string_view t, Options& o) {
       int lanes = 0;
       if (!parse_integer(t, 4, 16, lanes) || (lanes & (lanes - 1)) != 0) return false;
       o.vector_lanes = lanes;
       return true;
     }},
    {{Option::Disable, "GRADUS_DISABLE", "NAME,…", "nothing",
      "optimisations to leave out, to find the one that breaks a program"},
     "names between commas",
     [](std::string_view t, Options& o) { return parse_names(t, o.disable); }},
    {{Option::NanCheck, "GRADUS_NAN_CHECK", "0|1", "0",
      "stop with an error that names the op which made the first NaN"},
     "0 or 1",
     [](std::string_view t, Options& o) { return parse_switch(t, o.nan_check); }},
    {{Option::CacheDir, "GRADUS_CACHE_DIR", "DIR", "$XDG_CACHE_HOME/gradus or ~/.cache/gradus",
      "where compiled kernels are kept"},
     "a folder",
     [](std::string_view t, Options& o) {
       o.cache_dir = t;
       return true;
     }},
    {{Option::DiskCache, "GRADUS_DISK_CACHE", "0|1", "1",
      "keep compiled kernels on disk for the next process"},
     "0 or 1",
     [](std::string_view t, Options& o) { return parse_switch(t, o.disk_cache); }},
    {{Option::DiskCacheLimit, "GRADUS_DISK_CACHE_LIMIT", "BYTES[K|M|G|T]", "256M",
      "size of the kernel cache on disk; the oldest entries go first"},
     "bytes, optionally with K, M, G or T",
     [](std::string_view t, Options& o) { return parse_bytes(t, o.disk_cache_limit); }},
    {{Option::Log, "GRADUS_LOG", "off|error|warning|info|debug|trace", "warning",
      "messages to stderr; info tells why something was compiled again"},
     "off, error, warning, info, debug or trace",
     [](std::string_view t, Options& o) {
       std::optional<LogLevel> level = log_level_named(t);
       if (level) o.log = *level;
       return level.has_value();
     }},
    {{Option::Profile, "GRADUS_PROFILE", "0|1", "0",
      "time every compiler stage and kernel and print the table at exit"},
     "0 or 1",
     [](std::string_view t, Options& o) { return parse_switch(t, o.profile); }},
    {{Option::Dump, "GRADUS_DUMP", "STAGE,…", "nothing",
      "stages to print for every compiled function (gradus-dump --list-stages)"},
     "names between commas",
     [](std::string_view t, Options& o) { return parse_names(t, o.dump); }},
    {{Option::DumpFunction, "GRADUS_DUMP_FUNCTION", "NAME", "every function",
      "the one function whose stages are printed"},
     "a name",
     [](std::string_view t, Options& o) {
       o.dump_function = t;
       return true;
     }},
    {{Option::DumpFormat, "GRADUS_DUMP_FORMAT", "text|dot|json", "text", "form of what is printed"},
     "text, dot or json",
     [](std::string_view t, Options& o) { return parse_format(t, o.dump_format); }},
    {{Option::DumpFile, "GRADUS_DUMP_FILE", "FILE", "stderr", "where stages are printed to"},
     "a file name",
     [](std::string_view t, Options& o) {
       o.dump_file = t;
       return true;
     }},
    {{Option::Spin, "GRADUS_SPIN", "MICROSECONDS", "200",
      "how long an idle worker thread waits for the next program before it sleeps"},
     "a number from 0 to 1000000",
     [](std::string_view t, Options& o) {
       return parse_integer(t, 0, 1000000, o.spin_microseconds);
     }},
    {{Option::MemoryLimit, "GRADUS_MEMORY_LIMIT", "BYTES[K|M|G|T]", "none",
      "more memory in arrays than this is an error"},
     "bytes, optionally with K, M, G or T",
     [](std::string_view t, Options& o) { return parse_bytes(t, o.memory_limit); }},
};

// Options that change what is compiled; equality of these, not of a hash, makes equal ids.
using CompilationOptions = std::tuple<DeviceKind, int, int, int, std::vector<std::string>, bool>;

struct Installed {
  Options options;
  int compilation_id;
};

struct State {
  std::mutex mutex;
  std::deque<CompilationOptions> compilation_ids;
  // Replaced values stay alive: a thread may still be reading them. They are few and small.
  std::deque<Installed> history;
  std::atomic<const Installed*> current{nullptr};
  std::vector<Message> environment_errors;
};

// Never destroyed: worker threads and static destructors may read options at exit.
State& state() {
  static State& s = *new State;
  return s;
}

const Installed& install_locked(State& s, Options o) {
  CompilationOptions key{o.device.kind,  o.device.index, o.threads,
                         o.vector_lanes, o.disable,      o.nan_check};
  auto found = std::ranges::find(s.compilation_ids, key);
  int id = static_cast<int>(found - s.compilation_ids.begin());
  if (found == s.compilation_ids.end()) s.compilation_ids.push_back(std::move(key));
  auto same = std::ranges::find(s.history, o, &Installed::options);
  if (same == s.history.end()) {
    s.history.push_back({std::move(o), id});
    same = s.history.end() - 1;
  }
  set_log_level(same->options.log);
  set_profile(same->options.profile);
  s.current.store(&*same, std::memory_order_release);
  return *same;
}

std::map<std::string, std::string> gradus_environment() {
  std::map<std::string, std::string> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (!text.starts_with("GRADUS_") || equals == std::string_view::npos) continue;
    found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

const Installed& read_environment(State& s) {
  std::vector<std::string> unknown;
  const Installed* installed = nullptr;
  {
    std::lock_guard lock(s.mutex);
    installed = s.current.load(std::memory_order_acquire);
    if (installed != nullptr) return *installed;
    ParsedOptions parsed = parse_options(gradus_environment());
    if (!parsed.errors.empty()) throw ValueError(parsed.errors.front());
    unknown = std::move(parsed.unknown);
    installed = &install_locked(s, std::move(parsed.options));
  }
  for (const std::string& name : unknown) {
    GRADUS_LOG(Warning, "environment variable {} is no option of Gradus and has no effect", name);
  }
  return *installed;
}

const Installed& installed_options() {
  State& s = state();
  const Installed* current = s.current.load(std::memory_order_acquire);
  return current != nullptr ? *current : read_environment(s);
}

}  // namespace

bool Options::is_disabled(std::string_view optimisation) const {
  return std::ranges::find(disable, optimisation) != disable.end();
}

bool Options::is_dumped(std::string_view stage) const {
  return std::ranges::find(dump, stage) != dump.end();
}

std::span<const OptionRow> option_table() {
  static const std::vector<OptionRow> rows = [] {
    std::vector<OptionRow> docs;
    for (const Row& row : kRows)
      docs.push_back(row.doc);
    return docs;
  }();
  return rows;
}

std::string options_help() {
  std::string text = "Environment:\n";
  for (const OptionRow& row : option_table()) {
    text += fmt::format("  {}={}\n      {} (default: {})\n", row.variable, row.value, row.help,
                        row.default_value);
  }
  return text;
}

ParsedOptions parse_options(const std::map<std::string, std::string>& environment) {
  ParsedOptions parsed;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("GRADUS_") || value.empty()) continue;
    auto row = std::ranges::find(kRows, name, [](const Row& r) { return r.doc.variable; });
    if (row == std::end(kRows)) {
      parsed.unknown.push_back(name);
      continue;
    }
    Options candidate = parsed.options;
    if (row->parse(value, candidate)) {
      parsed.options = std::move(candidate);
      continue;
    }
    parsed.errors.push_back({.op = "options",
                             .what = fmt::format("{} has a value that cannot be used; got '{}', "
                                                 "expected {}",
                                                 name, value, row->expected),
                             .remedy = "correct or unset the environment variable"});
  }
  return parsed;
}

const Options& options() {
  return installed_options().options;
}

int compilation_options_id() {
  return installed_options().compilation_id;
}

void set_options(Options replacement) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  install_locked(s, std::move(replacement));
}

ScopedOptions::ScopedOptions(Options replacement) : previous_(options()) {
  set_options(std::move(replacement));
}

ScopedOptions::~ScopedOptions() {
  set_options(std::move(previous_));
}

}  // namespace gradus
