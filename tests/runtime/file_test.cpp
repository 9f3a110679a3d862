#include "runtime/file.h"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/error.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;
using gradus::test::TemporaryFolder;

TEST_CASE("a file reads back as written, and is replaced whole", "[file]") {
  TemporaryFolder folder;
  std::string path = folder / "x";
  for (Durability durability : {Durability::Flushed, Durability::Checked}) {
    for (size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
      std::string bytes(size, '\0');
      for (size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>(i * 31);
      write_file_atomically(path, bytes, durability);
      REQUIRE(read_file(path) == bytes);
      REQUIRE(folder.files() == 1);
    }
  }
}

TEST_CASE("files without a size are read to their end", "[file]") {
  REQUIRE(read_file("/proc/self/status").find("Name:") != std::string::npos);
}

TEST_CASE("missing and unreadable files are a DataError", "[file][errors]") {
  TemporaryFolder folder;
  REQUIRE_THROWS_AS(read_file(folder / "none"), DataError);
  REQUIRE_THROWS_WITH(read_file(folder / "none"),
                      "[file] cannot read '" + folder / "none" +
                          "': No such file or directory; check the path and its permissions");
  REQUIRE_THROWS_AS(read_file(folder.path()), DataError);
}

TEST_CASE("a write that fails leaves nothing behind", "[file][errors]") {
  TemporaryFolder folder;
  REQUIRE_THROWS_AS(write_file_atomically(folder / "no/such/folder", "x"), DataError);
  make_folders(folder / "taken/inside");
  REQUIRE_THROWS_AS(write_file_atomically(folder / "taken", "x"), DataError);
  REQUIRE(folder.files() == 0);
}

TEST_CASE("folders are made with their parents, privately if asked", "[file]") {
  TemporaryFolder folder;
  make_folders(folder / "a/b/c", true);
  struct stat status {};
  REQUIRE(stat((folder / "a/b/c").c_str(), &status) == 0);
  REQUIRE((status.st_mode & 0777) == 0700);
  make_folders(folder / "a/b/c");
  write_file_atomically(folder / "file", "x");
  REQUIRE_THROWS_AS(make_folders(folder / "file/b"), DataError);
}

TEST_CASE("readers never see a part of a file", "[file][threads]") {
  TemporaryFolder folder;
  std::string path = folder / "x";
  write_file_atomically(path, std::string(50'000, 'a'), Durability::Checked);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          std::string bytes(50'000, static_cast<char>('b' + t));
          write_file_atomically(path, bytes, Durability::Checked);
        }
        stop = true;
      });
    }
    threads.emplace_back([&] {
      while (!stop) {
        std::string bytes = read_file(path);
        torn += bytes != std::string(50'000, bytes.empty() ? 'x' : bytes[0]);
      }
    });
  }
  REQUIRE(torn == 0);
  REQUIRE(folder.files() == 1);
}

TEST_CASE("the user's cache folder is an absolute one of Gradus", "[file]") {
  std::string folder = user_cache_folder();
  REQUIRE(folder.starts_with("/"));
  REQUIRE(folder.find("gradus") != std::string::npos);
}
