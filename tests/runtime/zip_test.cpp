// Zip archives: round trips, and every way of damage that the reader knows.
#include "runtime/zip.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "runtime/deflate.h"
#include "runtime/error.h"
#include "tests/runtime/temporary_folder.h"

using namespace gradus;

namespace {

std::string read_all(ByteSource& source) {
  std::string text, part(1000, '\0');
  while (const size_t n = source.read(part.data(), part.size()))
    text.append(part, 0, n);
  return text;
}

void put(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(static_cast<char>(value >> 8 * i));
}

void change(std::string& bytes, size_t at, uint64_t value, int width) {
  std::string number;
  put(number, value, width);
  bytes.replace(at, number.size(), number);
}

struct Files : test::TemporaryFolder {
  const std::string path = *this / "x.zip";

  std::string bytes_of(const std::vector<std::pair<std::string, std::string>>& entries,
                       bool deflate) {
    ZipWriter archive;
    for (const auto& [name, content] : entries)
      archive.add(name, {content}, deflate);
    archive.write(path);
    return read_file(path);
  }
  // What reading the whole archive throws.
  std::string error_of(const std::string& bytes) {
    write_file_atomically(path, bytes, Durability::Checked);
    try {
      const ZipReader archive(path);
      for (const ZipEntry& entry : archive.entries())
        read_all(*archive.open(entry));
    } catch (const DataError& e) {
      const std::string& what = e.message().what;
      const std::string start = "'" + path + "' ";
      return what.starts_with(start) ? what.substr(start.size()) : what;
    }
    return "no error";
  }
};

}  // namespace

TEST_CASE("deflated bytes come back, whatever the sizes of reads") {
  std::string text;
  for (int i = 0; i < 100000; ++i)
    text += std::to_string(int64_t{i} * i % 977);
  const auto wrapping = GENERATE(Inflater::Wrapping::None, Inflater::Wrapping::Gzip);
  Deflater deflater(wrapping);
  for (size_t i = 0; i < text.size(); i += 12345)
    deflater.add(std::string_view(text).substr(i, 12345));
  const std::string packed = deflater.finish();
  CHECK(packed.size() < text.size() / 2);
  for (const size_t step : {size_t{1}, size_t{1000}, text.size(), 2 * text.size()}) {
    MemorySource source(packed);
    Inflater inflater(source, wrapping);
    std::string back, part(step, '\0');
    while (const size_t n = inflater.read(part.data(), step))
      back.append(part, 0, n);
    REQUIRE(back == text);
  }
  for (const size_t bytes : {packed.size() - 1, packed.size() / 2, size_t{3}, size_t{0}}) {
    MemorySource source(std::string_view(packed).substr(0, bytes));
    Inflater inflater(source, wrapping);
    CHECK_THROWS_AS(read_all(inflater), DataError);
  }
}

TEST_CASE("gzip files may have several parts, and nothing else") {
  const auto packed = [](std::string_view text) {
    Deflater deflater(Inflater::Wrapping::Gzip);
    deflater.add(text);
    return deflater.finish();
  };
  const auto unpacked = [](const std::string& bytes) {
    MemorySource source(bytes);
    Inflater inflater(source, Inflater::Wrapping::Gzip);
    return read_all(inflater);
  };
  CHECK(unpacked(packed("ab") + packed("") + packed("c")) == "abc");
  CHECK_THROWS_AS(unpacked(packed("ab") + "x"), DataError);
  std::string damaged = packed("hello");
  damaged[damaged.size() - 7] ^= 1;  // the checksum
  CHECK_THROWS_AS(unpacked(damaged), DataError);
  CHECK_THROWS_AS(unpacked("hello"), DataError);
}

TEST_CASE("checksums") {
  CHECK(crc32_of("") == 0);
  CHECK(crc32_of("123456789") == 0xcbf43926);
  CHECK(crc32_of("6789", crc32_of("12345")) == 0xcbf43926);
}

TEST_CASE("entries come back") {
  const bool deflate = GENERATE(false, true);
  Files files;
  const std::string longer(100000, 'x');
  const std::vector<std::pair<std::string, std::string>> entries = {
      {"a", "hello"}, {"empty", ""}, {"folder/b", longer}};
  files.bytes_of(entries, deflate);
  const ZipReader archive(files.path);
  REQUIRE(archive.entries().size() == entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const ZipEntry& entry = archive.entries()[i];
    CHECK(entry.name == entries[i].first);
    CHECK(entry.bytes == entries[i].second.size());
    CHECK(read_all(*archive.open(entry)) == entries[i].second);
  }
  files.bytes_of({}, deflate);
  CHECK(ZipReader(files.path).entries().empty());
}

TEST_CASE("the 64-bit extension") {
  Files files;
  // More entries than 16 bits count.
  std::vector<std::pair<std::string, std::string>> entries;
  for (int i = 0; i < 70000; ++i)
    entries.emplace_back(std::to_string(i), "");
  files.bytes_of(entries, false);
  CHECK(ZipReader(files.path).entries().size() == 70000);

  // Sizes and place in an extra field, as writers do that do not know them in advance.
  const std::string whole = files.bytes_of({{"a", "hello"}}, false);
  const size_t local = 30 + 1 + 5;
  std::string directory = whole.substr(local, 46 + 1);
  change(directory, 20, 0xffffffff, 4);
  change(directory, 24, 0xffffffff, 4);
  change(directory, 42, 0xffffffff, 4);
  change(directory, 30, 28, 2);
  put(directory, 1, 2);
  put(directory, 24, 2);
  put(directory, 5, 8);
  put(directory, 5, 8);
  put(directory, 0, 8);
  std::string end = whole.substr(whole.size() - 22);
  change(end, 12, directory.size(), 4);
  CHECK(files.error_of(whole.substr(0, local) + directory + end) == "no error");
  std::string shorter = directory;
  change(shorter, 46 + 1 + 2, 16, 2);
  CHECK(files.error_of(whole.substr(0, local) + shorter + end) ==
        "is a damaged zip archive: its directory is cut off or none");
}

TEST_CASE("damaged archives") {
  Files files;
  const std::string stored = files.bytes_of({{"a", "hello"}, {"b", "world!"}}, false);
  const size_t local_b = 30 + 1 + 5, directory = local_b + 30 + 1 + 6, entry_b = directory + 47,
               end = entry_b + 47;
  REQUIRE(stored.size() == end + 22);
  const auto changed = [&](size_t at, uint64_t value, int width) {
    std::string bytes = stored;
    change(bytes, at, value, width);
    return files.error_of(bytes);
  };
  CHECK(files.error_of("") == "is no zip archive, or its end is missing");
  CHECK(changed(end, 0, 4) == "is no zip archive, or its end is missing");
  CHECK(changed(end + 4, 1, 2) == "is one part of a zip archive");
  CHECK(changed(end + 8, 1, 2) == "is one part of a zip archive");
  CHECK(changed(end + 12, 1000, 4) ==
        "is a damaged zip archive: its directory is not where its end says");
  CHECK(changed(end + 16, directory - 1, 4) ==
        "is a damaged zip archive: its directory is not where its end says");
  CHECK(changed(end + 16, 0xffffffff, 4) == "is a damaged zip archive: its end is no end");
  CHECK(changed(end + 8, 0x00030003, 4) ==
        "is a damaged zip archive: its directory is cut off or none");
  CHECK(changed(end + 8, 0x00010001, 4) ==
        "is a damaged zip archive: its directory has more entries than its end says");
  CHECK(changed(directory, 0, 4) == "is a damaged zip archive: its directory is cut off or none");
  CHECK(changed(directory + 28, 9999, 2) ==
        "is a damaged zip archive: its directory is cut off or none");
  CHECK(changed(directory + 8, 1, 2) == "has an entry 'a' that is encrypted");
  CHECK(changed(directory + 10, 12, 2) ==
        "has an entry 'a' that is packed by method 12, expected 0 (stored) or 8 (deflated)");
  CHECK(changed(directory + 20, 4, 4) == "has an entry 'a' that has two sizes; got 4 and 5 bytes");
  CHECK(changed(directory + 42, 1, 4) == "has an entry 'a' that is not where the directory says");
  CHECK(changed(directory + 42, 0xfffffffe, 4) ==
        "has an entry 'a' that is not where the directory says");
  CHECK(changed(directory + 42, 0xffffffff, 4) ==
        "is a damaged zip archive: its directory is cut off or none");
  CHECK(changed(0, 0, 4) == "has an entry 'a' that is not where the directory says");
  CHECK(changed(30, 'c', 1) == "has an entry 'a' that is not where the directory says");
  CHECK(changed(28, 0xffff, 2) == "has an entry 'a' that is not where the directory says");
  CHECK(changed(31, 'H', 1) ==
        "has an entry 'a' that is damaged; its checksum is f7d18982, expected 3610a686");
  // One entry's bytes are part of another's.
  std::string shared = stored;
  change(shared, directory + 20, 6, 4);
  change(shared, directory + 24, 6, 4);
  CHECK(files.error_of(shared) == "has entries 'a' and 'b' that share bytes");
  std::string twice = stored;
  twice[entry_b + 46] = 'a';
  twice[local_b + 30] = 'a';
  CHECK(files.error_of(twice) == "has the entry 'a' twice");
}

TEST_CASE("packed content that is not what its entry says") {
  Files files;
  const std::string text(100000, 'x');
  const std::string packed = files.bytes_of({{"a", text}}, true);
  const size_t directory = packed.size() - 22 - 47;
  const auto changed = [&](size_t at, uint64_t value) {
    std::string bytes = packed;
    change(bytes, at, value, 4);
    return files.error_of(bytes);
  };
  CHECK(changed(directory + 24, 99999) == "has an entry 'a' that unpacks to more than 99999 bytes");
  CHECK(changed(directory + 24, 100001) ==
        "has an entry 'a' that is cut off; got 100000 bytes, expected 100001");
  const std::string bytes = std::to_string(directory - 31);
  CHECK(changed(directory + 24, 4000000000) ==
        "has an entry 'a' that says that " + bytes +
            " packed bytes hold 4000000000, which is impossible");
  CHECK(changed(31, 0xffffffff) ==
        "has an entry 'a' that cannot be unpacked: the packed data is damaged");
  CHECK(changed(directory + 16, 0).starts_with("has an entry 'a' that is damaged; its checksum"));
}

TEST_CASE("every proper part of an archive is refused") {
  Files files;
  const std::string whole = files.bytes_of({{"a", "hello"}, {"b", "world!"}}, true);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes)
    REQUIRE(files.error_of(whole.substr(0, bytes)) != "no error");
  CHECK(files.error_of(whole + "x") == "is no zip archive, or its end is missing");
}
