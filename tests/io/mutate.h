// Damages bytes at random, in the ways in which files are damaged and in those of people who mean
// harm: flipped bits, numbers at the edges of their types, parts that are cut, doubled, moved.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "runtime/error.h"

namespace gradus::test {

inline std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  for (size_t changes = 1 + below(4); changes-- > 0;) {
    const size_t at = below(bytes.size() + 1);
    const size_t length = below(std::min<size_t>(40, bytes.size() - at + 1));
    switch (below(8)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random());
        break;
      case 2: {  // a number at an edge, in either byte order
        static const std::vector<std::string> kEdges = {
            std::string(4, '\0'), std::string(4, '\xff'), std::string(8, '\xff'),
            "\xff\xff\xff\x7f",   "\x7f\xff\xff\xff",     std::string(7, '\xff') + "\x7f"};
        const std::string& edge = kEdges[below(kEdges.size())];
        if (at + edge.size() <= bytes.size()) bytes.replace(at, edge.size(), edge);
        break;
      }
      case 3:
        bytes.erase(at, length);
        break;
      case 4:
        bytes.insert(below(bytes.size() + 1), bytes.substr(at, length));
        break;
      case 5:
        if (below(4) == 0) bytes.resize(at);
        break;
      case 6: {  // a figure of a text
        const size_t figure = bytes.find_first_of("0123456789", at);
        if (figure != std::string::npos) {
          static const std::vector<std::string> kNumbers = {
              "-1",   "0",  "9", "99", "4294967296", "9223372036854775807", "18446744073709551616",
              "1e99", "0.5"};
          bytes.replace(figure, 1, kNumbers[below(kNumbers.size())]);
        }
        break;
      }
      default: {
        static const std::string kMarks("\"'{}[](),:;\n\r\t \\\0PK", 19);
        bytes.insert(at, 1, kMarks[below(kMarks.size())]);
      }
    }
  }
  return bytes;
}

/// A file in memory, written a thousand times faster than one on a disk.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("gradus-test", MFD_CLOEXEC)) {
    if (fd_ < 0) std::abort();
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  void put(const std::string& bytes) const {
    const bool is_written = ftruncate(fd_, 0) == 0 && pwrite(fd_, bytes.data(), bytes.size(), 0) ==
                                                          static_cast<ssize_t>(bytes.size());
    if (!is_written) std::abort();
  }

 private:
  int fd_;
};

/// Reads `rounds` damaged versions of `sound`. Returns how many were refused; anything but success
/// and an Error goes through.
template <class Read>
int count_refused(const std::string& sound, int rounds, uint32_t seed, Read&& read) {
  std::mt19937 random(seed);
  int refused = 0;
  for (int i = 0; i < rounds; ++i) {
    const std::string bytes = mutated(sound, random);
    try {
      read(bytes);
    } catch (const Error&) {
      ++refused;
    }
  }
  return refused;
}

}  // namespace gradus::test
