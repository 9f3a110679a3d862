#include "runtime/kernel_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "runtime/file.h"
#include "runtime/log.h"
#include "runtime/options.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using gradus::test::TemporaryFolder;

namespace {

constexpr int64_t kLarge = int64_t{64} << 20;

std::string only_file_in(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) return entry.path();
  }
  return "";
}

// Warnings logged while it lives.
struct Warnings {
  std::vector<std::string> texts;
  ScopedOptions quiet{[] {
    Options o = options();
    o.log = LogLevel::Warning;
    return o;
  }()};
  ScopedLogSink sink{[this](LogLevel, std::string_view text) { texts.emplace_back(text); }};
};

}  // namespace

TEST_CASE("what was stored is found under exactly its key", "[cache]") {
  TemporaryFolder folder;
  KernelCache cache(folder / "kernels", kLarge);
  REQUIRE_FALSE(cache.load("key"));
  std::string binary("\0\x01 blob \xff\0", 10);
  cache.store("key", binary);
  cache.store(std::string("key\0", 4), "other");
  cache.store("", "");
  REQUIRE(cache.load("key") == binary);
  REQUIRE(cache.load(std::string("key\0", 4)) == "other");
  REQUIRE(cache.load("") == "");
  REQUIRE_FALSE(cache.load("kez"));
  cache.store("key", "newer");
  REQUIRE(cache.load("key") == "newer");
  // A second object, as in the next process.
  REQUIRE(KernelCache(folder / "kernels", kLarge).load("key") == "newer");
  REQUIRE(cache.statistics().hits == 4);
  REQUIRE(cache.statistics().misses == 2);
  REQUIRE(cache.statistics().stores == 4);
}

TEST_CASE("an entry whose name fits but whose key differs is a miss", "[cache]") {
  TemporaryFolder folder;
  KernelCache cache(folder.path(), kLarge);
  cache.store("key one", "blob one");
  std::string name_one = only_file_in(folder.path());
  std::string content_one = read_file(name_one);
  std::filesystem::remove(name_one);
  cache.store("key two", "blob two");
  // As if both keys had the same hash.
  write_file_atomically(only_file_in(folder.path()), content_one);
  REQUIRE_FALSE(cache.load("key two"));
  REQUIRE(cache.statistics().rejected == 0);
  cache.store("key two", "blob two");
  REQUIRE(cache.load("key two") == "blob two");
}

TEST_CASE("a damaged entry is deleted, and replaced by the next store", "[cache][errors]") {
  TemporaryFolder folder;
  KernelCache cache(folder.path(), kLarge);
  std::string blob(200, 'b');
  cache.store("the key", blob);
  std::string path = only_file_in(folder.path());
  std::string sound = read_file(path);
  std::vector<std::string> damaged = {"", "x", "no kernel at all, but longer than any header is",
                                      sound + "x", sound.substr(0, sound.size() - 1)};
  for (size_t i = 0; i < sound.size(); i += 5) {
    damaged.push_back(sound);
    damaged.back()[i] = static_cast<char>(damaged.back()[i] ^ 4);
    damaged.push_back(sound.substr(0, i));
  }
  for (const std::string& content : damaged) {
    write_file_atomically(path, content, Durability::Checked);
    REQUIRE_FALSE(cache.load("the key"));
    REQUIRE(folder.files() == 0);
    cache.store("the key", blob);
    REQUIRE(cache.load("the key") == blob);
  }
  REQUIRE(cache.statistics().rejected == damaged.size());
}

TEST_CASE("a folder that cannot be made is warned of once, and the program goes on",
          "[cache][errors]") {
  TemporaryFolder folder;
  // A file in the place of the folder stops root too, whom permissions do not.
  write_file_atomically(folder / "taken", "");
  Warnings warnings;
  KernelCache cache(folder / "taken", kLarge);
  for (int i = 0; i < 3; ++i) {
    cache.store("key", "blob");
    REQUIRE_FALSE(cache.load("key"));
  }
  REQUIRE(warnings.texts ==
          std::vector<std::string>{fmt::format(
              "compiled kernels are not kept in {0}: cannot make the folder '{0}': File exists",
              folder / "taken")});
}

TEST_CASE("an unwritable folder is warned of once, and still read", "[cache][errors]") {
  if (geteuid() == 0) return;  // no folder is unwritable for root
  TemporaryFolder folder;
  KernelCache(folder.path(), kLarge).store("key", "blob");
  REQUIRE(chmod(folder.path().c_str(), 0500) == 0);
  Warnings warnings;
  KernelCache cache(folder.path(), kLarge);
  cache.store("another", "blob");
  cache.store("a third", "blob");
  REQUIRE(warnings.texts.size() == 1);
  REQUIRE(chmod(folder.path().c_str(), 0700) == 0);
}

TEST_CASE("code is not taken from a folder that others can write to", "[cache][errors]") {
  TemporaryFolder folder;
  KernelCache(folder.path(), kLarge).store("key", "blob");
  REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
  Warnings warnings;
  KernelCache cache(folder.path(), kLarge);
  REQUIRE_FALSE(cache.load("key"));
  REQUIRE(warnings.texts.size() == 1);
}

TEST_CASE("the entries unused for the longest time are evicted", "[cache]") {
  TemporaryFolder folder;
  KernelCache cache(folder.path(), 100'000);
  std::string blob(9'000, 'x');
  auto key = [](int i) { return fmt::format("key {}", i); };
  auto tick = [] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
  for (int i = 0; i < 10; ++i) {
    cache.store(key(i), blob);
    tick();
  }
  REQUIRE(cache.load(key(0)));  // used again: now the youngest
  tick();
  for (int i = 10; i < 14; ++i) {
    cache.store(key(i), blob);
    tick();
    uintmax_t total = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (entry.is_regular_file()) total += entry.file_size();
    }
    REQUIRE(total <= 100'000);
  }
  REQUIRE(cache.statistics().evicted > 0);
  REQUIRE(cache.load(key(0)));
  REQUIRE_FALSE(cache.load(key(1)));
  REQUIRE(cache.load(key(13)));
}

TEST_CASE("an entry larger than the whole cache is not kept", "[cache]") {
  TemporaryFolder folder;
  KernelCache cache(folder.path(), 1000);
  cache.store("key", std::string(2000, 'x'));
  REQUIRE(folder.files() == 0);
}

TEST_CASE("files left by killed processes are cleared away", "[cache]") {
  TemporaryFolder folder;
  const std::string old = folder / "00/a.kernel.1.0.tmp", fresh = folder / "00/b.kernel.1.0.tmp";
  std::filesystem::create_directory(folder / "00");
  write_file_atomically(old, "old");
  write_file_atomically(fresh, "being written");
  using std::filesystem::last_write_time;
  last_write_time(old, last_write_time(old) - std::chrono::hours(2));
  KernelCache cache(folder.path(), 100'000);
  cache.store("key", "blob");
  REQUIRE_FALSE(std::filesystem::exists(old));
  REQUIRE(std::filesystem::exists(fresh));
}

TEST_CASE("a large cache keeps to its limit, and no store reads all of it", "[cache]") {
  TemporaryFolder folder;
  constexpr int64_t kLimit = int64_t{16} << 20;
  KernelCache cache(folder.path(), kLimit);
  const std::string blob(20'000, 'x');
  for (int i = 0; i < 2000; ++i)
    cache.store(fmt::format("key {}", i), blob);
  uintmax_t total = 0;
  int subfolders = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.is_directory()) ++subfolders;
    if (entry.is_regular_file()) total += entry.file_size();
  }
  CHECK(subfolders == 4);
  CHECK(total < kLimit * 5 / 4);
  CHECK(total > kLimit / 2);
}

TEST_CASE("threads and objects share one folder", "[cache][threads]") {
  TemporaryFolder folder;
  std::vector<int> wrong(4, 0);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        // Small enough that eviction runs all the time.
        KernelCache cache(folder.path(), 20'000);
        for (int i = 0; i < 200; ++i) {
          std::string key = fmt::format("key {}", i % 13);
          std::string blob(static_cast<size_t>(500 + i % 13), static_cast<char>('a' + i % 13));
          cache.store(key, blob);
          std::optional<std::string> found = cache.load(key);
          wrong[t] += found && *found != blob;
        }
        wrong[t] += cache.statistics().rejected > 0;
      });
    }
  }
  REQUIRE(wrong == std::vector<int>(4, 0));
}

#if !defined(__SANITIZE_THREAD__)  // ThreadSanitizer cannot follow threads across fork()
TEST_CASE("processes share one folder", "[cache]") {
  TemporaryFolder folder;
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int p = 0; p < 3; ++p) {
    pid_t child = fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    KernelCache cache(folder.path(), 20'000);
    for (int i = 0; i < 200; ++i) {
      std::string key = fmt::format("key {}", i % 7);
      std::string blob(static_cast<size_t>(1000 + i % 7), static_cast<char>('a' + i % 7));
      cache.store(key, blob);
      std::optional<std::string> found = cache.load(key);
      if (found && *found != blob) _exit(1);
    }
    _exit(cache.statistics().rejected > 0 ? 2 : 0);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(status == 0);
  }
}
#endif

TEST_CASE("the process's cache follows the options", "[cache]") {
  TemporaryFolder folder;
  Options o = options();
  o.cache_dir = folder.path();
  o.disk_cache = true;
  {
    ScopedOptions scope(o);
    std::shared_ptr<KernelCache> cache = kernel_cache();
    REQUIRE(cache->folder() == folder / "kernels");
    REQUIRE(kernel_cache() == cache);
  }
  o.disk_cache = false;
  ScopedOptions scope(o);
  REQUIRE(kernel_cache() == nullptr);
}
