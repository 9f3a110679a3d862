#include "runtime/kernel_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/error.h"
#include "runtime/file.h"
#include "runtime/hash.h"
#include "runtime/log.h"
#include "runtime/options.h"

namespace gradus {
namespace {

constexpr std::string_view kSuffix = ".kernel";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr time_t kAbandonedSeconds = 3600;
constexpr int64_t kMostSubfolders = 64, kSubfolderBytes = int64_t{4} << 20;

// Followed by the key and the blob. Read on the machine that wrote it, so in its byte order.
struct EntryHeader {
  char magic[8] = {'G', 'R', 'A', 'D', 'U', 'S', 'K', '1'};
  uint64_t key_bytes = 0;
  uint64_t blob_bytes = 0;
  Hash128 checksum;  // of key and blob
};

struct Entry {
  std::string_view key;
  std::string_view blob;
};

// The parts of a file's content, if it is a whole and sound entry.
std::optional<Entry> parse_entry(std::string_view content) {
  EntryHeader header;
  if (content.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, content.data(), sizeof header);
  std::string_view body = content.substr(sizeof header);
  if (std::memcmp(header.magic, EntryHeader{}.magic, sizeof header.magic) != 0 ||
      header.key_bytes > body.size() || header.blob_bytes != body.size() - header.key_bytes ||
      hash128(body) != header.checksum) {
    return std::nullopt;
  }
  return Entry{body.substr(0, header.key_bytes), body.substr(header.key_bytes)};
}

std::string entry_content(std::string_view key, std::string_view blob) {
  EntryHeader header;
  header.key_bytes = key.size();
  header.blob_bytes = blob.size();
  std::string content(sizeof header, '\0');
  content.append(key).append(blob);
  header.checksum = hash128(std::string_view(content).substr(sizeof header));
  std::memcpy(content.data(), &header, sizeof header);
  return content;
}

}  // namespace

KernelCache::KernelCache(std::string folder, int64_t limit_bytes)
    : folder_(std::move(folder)),
      subfolders_(static_cast<uint64_t>(
          std::clamp<int64_t>(limit_bytes / kSubfolderBytes, 1, kMostSubfolders))),
      limit_bytes_(limit_bytes / static_cast<int64_t>(subfolders_)) {}

std::string KernelCache::subfolder_of(const Hash128& hash) const {
  return fmt::format("{}/{:02x}", folder_, hash.lo % subfolders_);
}

std::string KernelCache::path_of(const Hash128& hash) const {
  return fmt::format("{}/{}{}", subfolder_of(hash), to_hex(hash), kSuffix);
}

KernelCache::Statistics KernelCache::statistics() const {
  std::lock_guard lock(mutex_);
  return statistics_;
}

// Code from this folder will be run: only a folder of this user that nobody else can write to is
// trusted. A folder that is missing is not ours yet, but no reason to complain.
bool KernelCache::is_folder_ours() {
  std::lock_guard lock(mutex_);
  if (!can_store_) return false;
  if (is_folder_checked_) return true;
  struct stat status {};
  if (stat(folder_.c_str(), &status) != 0) return false;
  if (status.st_uid != geteuid() || (status.st_mode & S_IWOTH) != 0) {
    stop_storing("it belongs to another user or can be written to by others");
    return false;
  }
  return is_folder_checked_ = true;
}

// With the mutex held.
void KernelCache::stop_storing(std::string_view reason) {
  if (!can_store_) return;
  can_store_ = false;
  GRADUS_LOG(Warning, "compiled kernels are not kept in {}: {}", folder_, reason);
}

std::optional<std::string> KernelCache::load(std::string_view key) {
  const std::string path = path_of(hash128(key));
  std::optional<std::string> blob;
  bool is_sound = true;
  if (is_folder_ours() && access(path.c_str(), R_OK) == 0) {
    try {
      std::string content = read_file(path);
      std::optional<Entry> entry = parse_entry(content);
      is_sound = entry.has_value();
      if (entry && entry->key == key) blob = std::string(entry->blob);
    } catch (const DataError&) {
      // Evicted by another process since, or unreadable: a miss.
    }
  }
  if (!is_sound) {
    GRADUS_LOG(Info, "{} is no sound kernel; it is deleted and compiled again", path);
    unlink(path.c_str());
  }
  // Eviction goes by time of last use.
  if (blob) utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  std::lock_guard lock(mutex_);
  ++(blob ? statistics_.hits : statistics_.misses);
  if (!is_sound) ++statistics_.rejected;
  return blob;
}

void KernelCache::store(std::string_view key, std::string_view blob) {
  std::string content = entry_content(key, blob);
  auto bytes = static_cast<int64_t>(content.size());
  if (bytes > limit_bytes_) return;
  {
    std::lock_guard lock(mutex_);
    if (!can_store_) return;
  }
  const Hash128 hash = hash128(key);
  try {
    make_folders(folder_, true);
    if (!is_folder_ours()) return;
    make_folders(subfolder_of(hash), true);
    // No flush: the checksum finds an entry that a crash of the machine has torn.
    write_file_atomically(path_of(hash), content, Durability::Checked);
  } catch (const DataError& e) {
    std::lock_guard lock(mutex_);
    stop_storing(e.message().what);
    return;
  }
  std::lock_guard lock(mutex_);
  ++statistics_.stores;
  if (hash.hi % subfolders_ == 0) evict(subfolder_of(hash));
}

// With the mutex held. Reads the subfolder and deletes the longest unused entries above three
// quarters of the limit if it is passed. Other processes may do the same at the same time: deleting
// twice does no harm.
void KernelCache::evict(const std::string& path) {
  struct File {
    std::string name;
    timespec used;
    int64_t bytes;
  };
  std::vector<File> files;
  int64_t total = 0;
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return;
  while (const dirent* found = readdir(folder)) {
    std::string_view name = found->d_name;
    struct stat status {};
    if (fstatat(dirfd(folder), found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (name.ends_with(kSuffix)) {
      files.push_back({std::string(name), status.st_mtim, status.st_size});
      total += status.st_size;
    } else if (name.ends_with(kTemporarySuffix) &&
               status.st_mtim.tv_sec + kAbandonedSeconds < std::time(nullptr)) {
      unlinkat(dirfd(folder), found->d_name, 0);  // of a process that was killed
    }
  }
  if (total > limit_bytes_) {
    std::ranges::sort(files, [](const File& a, const File& b) {
      return std::tie(a.used.tv_sec, a.used.tv_nsec) < std::tie(b.used.tv_sec, b.used.tv_nsec);
    });
    for (const File& file : files) {
      if (total <= limit_bytes_ / 4 * 3) break;
      if (unlinkat(dirfd(folder), file.name.c_str(), 0) == 0) ++statistics_.evicted;
      total -= file.bytes;
    }
  }
  closedir(folder);
}

std::shared_ptr<KernelCache> kernel_cache() {
  static std::mutex& mutex = *new std::mutex;
  static std::shared_ptr<KernelCache>& current = *new std::shared_ptr<KernelCache>;
  static int64_t current_limit = 0;
  const Options& o = options();
  if (!o.disk_cache) return nullptr;
  std::string folder = (o.cache_dir.empty() ? user_cache_folder() : o.cache_dir) + "/kernels";
  std::lock_guard lock(mutex);
  if (current == nullptr || current->folder() != folder || current_limit != o.disk_cache_limit) {
    current = std::make_shared<KernelCache>(folder, o.disk_cache_limit);
    current_limit = o.disk_cache_limit;
  }
  return current;
}

}  // namespace gradus
