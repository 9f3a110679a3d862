#include "runtime/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "runtime/error.h"

namespace gradus {
namespace {

[[noreturn]] void fail(const std::string& path, std::string_view doing, int code) {
  std::string remedy = "check the path and its permissions";
  if (code == ENOSPC || code == EDQUOT) remedy = "free some disk space";
  throw DataError({.op = "file",
                   .what = fmt::format("cannot {} '{}': {}", doing, path, std::strerror(code)),
                   .remedy = remedy});
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() {
    int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view bytes, Durability durability) {
  write_file_atomically(path, std::span(&bytes, 1), durability);
}

void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           Durability durability) {
  static std::atomic<uint64_t> counter{0};
  // In the same folder, since a rename is atomic within one file system only.
  std::string temporary = fmt::format("{}.{}.{}.tmp", path, getpid(), counter.fetch_add(1));
  Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.get() < 0) fail(path, "write", errno);
  bool flush = durability == Durability::Flushed;
  bool good = std::all_of(pieces.begin(), pieces.end(),
                          [&](std::string_view piece) { return write_all(file.get(), piece); }) &&
              (!flush || fsync(file.get()) == 0) && file.close() &&
              rename(temporary.c_str(), path.c_str()) == 0;
  if (!good) {
    int code = errno;
    unlink(temporary.c_str());
    fail(path, "write", code);
  }
  if (!flush) return;
  // The new name is on disk once its folder is.
  Descriptor folder(open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) fail(path, "write", errno);
}

InputFile::InputFile(const std::string& path)
    : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (fd_ < 0) fail(path, "read", errno);
  struct stat status {};
  int code = fstat(fd_, &status) != 0   ? errno
             : S_ISDIR(status.st_mode)  ? EISDIR
             : !S_ISREG(status.st_mode) ? EINVAL
                                        : 0;
  if (code != 0) {
    ::close(fd_);
    fail(path, "read", code);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  ::close(fd_);
}

size_t InputFile::read_at(uint64_t offset, void* to, size_t bytes) const {
  size_t done = 0;
  while (done < bytes && offset + done < size_) {
    ssize_t n = ::pread(fd_, static_cast<char*>(to) + done, bytes - done,
                        static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, "read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

size_t FilePart::read(void* to, size_t bytes) {
  size_t n = file_->read_at(offset_, to, static_cast<size_t>(std::min<uint64_t>(bytes, left_)));
  offset_ += n;
  left_ -= n;
  return n;
}

std::string read_file(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(path, "read", errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) fail(path, "read", errno);
  std::string bytes;
  bytes.resize(status.st_size > 0 ? static_cast<size_t>(status.st_size) : 0);
  size_t filled = 0;
  while (true) {
    // One byte beyond the expected end finds a file that grows, or has no size, as in /proc.
    if (filled == bytes.size()) bytes.resize(bytes.size() + 4096);
    ssize_t n = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "read", errno);
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

void make_folders(const std::string& path, bool is_private) {
  mode_t mode = is_private ? 0700 : 0777;
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    std::string part = path.substr(0, end);
    if (part.empty() || mkdir(part.c_str(), mode) == 0) continue;
    int code = errno;
    // Parents may be unwritable, or on other file systems, and yet be there.
    struct stat status {};
    if (stat(part.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
    fail(path, "make the folder", code);
  }
}

std::string user_cache_folder() {
  if (std::string xdg = environment("XDG_CACHE_HOME"); xdg.starts_with("/")) return xdg + "/gradus";
  if (std::string home = environment("HOME"); !home.empty()) return home + "/.cache/gradus";
  return fmt::format("/tmp/gradus-{}", getuid());
}

}  // namespace gradus
